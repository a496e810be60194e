// Characters that look like ASCII and have no compatibility decomposition to it: a selection from Unicode's confusables
// (UTS #39) for the letters, digits and marks that tokens and orders are written with.

/** Each string begins with an ASCII character, which those behind it look like. */
const groups = [
  "AАΑᎪᗅꓮꭺᴀ𐊠", "BВΒᏴᗷꓐʙ", "CСϹᏟꓚᴄⲤ", "DᎠᗞꓓᴅ", "EЕΕᎬꓰᴇⴹ", "FϜᖴꓝꜰ", "GԌᏀꓖɢ", "HНΗᎻᕼꓧʜ", "IІΙӀᏆꓲɪⵏ", "JЈͿᎫᒍꓙᴊ",
  "KКΚᏦᛕꓗᴋ", "LᏞᒪꓡʟ", "MМΜᎷᗰꓟᴍϺ", "NΝꓠɴⲚ", "OОΟՕᎤꓳᴏⲞ", "PРΡᏢᑭꓑᴘⲢ", "QԚꓩⵕ", "RᎡᖇꓣʀ", "SЅՏᏚꓢꜱ", "TТΤᎢꓔᴛⲦ",
  "UՍᑌꓴᴜ", "VѴᏙᐯꓦᴠⴸ", "WԜᎳꓪᴡ", "XХΧ᙭ꓫⵝⲬ", "YҮΥᎩꓬʏⲨ", "ZΖᏃꓜᴢ",
  "aаαɑ", "bЬƅᏏ", "cсϲⅽ", "dԁɖᏧ", "eеєҽ℮", "fſϝƒ", "gɡցƍ", "hһհᏂ", "iіιıɩӏ", "jјϳ", "kкκᴋ", "lⅼǀӀ|", "mмⅿ", "nпոηɴ",
  "oоοօσ", "pрρ", "qԛգ", "rгᴦⲅ", "sѕꜱ", "tтτ", "uυսцʋ", "vѵνᴠ", "wԝաѡ", "xхχ×", "yуγүʏ", "zᴢ", "0০੦", "3ЗƷȜ", "4Ꮞ", "6бᏮ",
  "_‗ˍ﹍﹎﹏", "-‐‑‒–—―−⁃˗➖ー", ".․。٠۔", ":：꞉∶ː։׃", "/⁄∕⧸╱", "=꓿═", "+᛭➕", "'’‘ʼ′`", "\"“”″", "@﹫",
]; // prettier-ignore

/** What a character looks like, by its code point. */
export const confusables: ReadonlyMap<number, string> = new Map(
  groups.flatMap((group) => {
    const [ascii = "", ...others] = Array.from(group);
    return others.filter((each) => each > "\x7f").map((each) => [each.codePointAt(0) as number, ascii] as const);
  }),
);
