// Characters that look like ASCII and have no compatibility decomposition to it: a selection from Unicode's confusables
// (UTS #39) for the letters, digits and marks that tokens and orders are written with.

/** Each string begins with an ASCII character, which those behind it look like. */
const groups = [
  "AАΑᎪᗅꓮꭺ𐊠", "BВΒᏴᗷꓐ", "CСϹᏟꓚⲤ", "DᎠᗞꓓ", "EЕΕᎬꓰⴹ", "FϜᖴꓝ", "GԌᏀꓖ", "HНΗᎻᕼꓧ", "IІΙӀᏆꓲⵏ", "JЈͿᎫᒍꓙ",
  "KКΚᏦᛕꓗ", "LᏞᒪꓡ", "MМΜᎷᗰꓟϺ", "NΝꓠⲚ", "OОΟՕᎤꓳⲞ", "PРΡᏢᑭꓑⲢ", "QԚꓩⵕ", "RᎡᖇꓣ", "SЅՏᏚꓢ", "TТΤᎢꓔⲦ",
  "UՍᑌꓴ", "VѴᏙᐯꓦⴸ", "WԜᎳꓪ", "XХΧ᙭ꓫⵝⲬ", "YҮΥᎩꓬⲨ", "ZΖᏃꓜ",
  "aаαɑ", "bЬƅᏏ", "cсϲⅽ", "dԁɖᏧ", "eеєҽ℮", "fſϝƒ", "gɡցƍ", "hһհᏂ", "iіιıɩӏ", "jјϳ", "kкκ", "lⅼǀӀ|", "mмⅿ", "nпոη",
  "oоοօσ", "pрρ", "qԛգ", "rгᴦⲅ", "sѕ", "tтτ", "uυսцʋ", "vѵν", "wԝաѡ", "xхχ×", "yуγү", "z", "aᴀ", "bʙ", "cᴄ", "dᴅ", "eᴇ", "fꜰ", "gɢ", "hʜ", "iɪ", "jᴊ", "kᴋ", "lʟ", "mᴍ", "nɴ", "oᴏ", "pᴘ", "rʀ", "sꜱ", "tᴛ", "uᴜ", "vᴠ", "wᴡ", "yʏ", "zᴢ", "0০੦", "3ЗƷȜ", "4Ꮞ", "6бᏮ",
  "_‗ˍ﹍﹎﹏", "-‐‑‒–—―−⁃˗➖ー", ".․。۔", ":：꞉∶ː։׃", "/⁄∕⧸╱", "=꓿═", "+᛭➕", "'’‘ʼ′`", "\"“”″", "@﹫",
]; // prettier-ignore

/** What a character looks like, by its code point. */
export const confusables: ReadonlyMap<number, string> = new Map(
  groups.flatMap((group) => {
    const [ascii = "", ...others] = Array.from(group);
    return others.filter((each) => each > "\x7f").map((each) => [each.codePointAt(0) as number, ascii] as const);
  }),
);
