// Where values come from, and what is refused.
import * as fc from "fast-check";
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { Fault } from "../kernel/fault.ts";
import { loadConfig } from "./config.ts";
import type { LoadedConfig } from "./config.ts";
import { describeConfig, mask, renderConfigDoc } from "./description.ts";
import { settings } from "./settings.ts";
import type { Setting } from "./settings.ts";
import { readText } from "./value.ts";

interface Layers {
  readonly flags?: Record<string, string>;
  readonly env?: Record<string, string>;
  readonly yaml?: string;
}

function load({ flags = {}, env = {}, yaml }: Layers): LoadedConfig {
  return loadConfig({ flags, env, cwd: "/srv", readFile: (path) => (path === "/srv/charter.yaml" ? yaml : undefined) });
}

/** The complaints about a configuration, one per line. */
function complaints(layers: Layers): string {
  try {
    load(layers);
  } catch (error) {
    if (error instanceof Fault) return error.message;
    throw error;
  }
  return "";
}

describe("precedence", () => {
  it("takes the flag, then the variable, then the file, then the default", () => {
    const layer = { flags: { port: "1" }, env: { CHARTER_HTTP_PORT: "2" }, yaml: "http:\n  port: 3\n" };
    const ports = [layer, { ...layer, flags: {} }, { yaml: layer.yaml }, {}].map((layers) => {
      const { config, sources } = load(layers);
      return [config.http.port, sources.get("http.port")];
    });
    expect(ports).toEqual([
      [1, "--port"],
      [2, "CHARTER_HTTP_PORT"],
      [3, "charter.yaml:2:9"],
      [8000, "default"],
    ]);
  });

  it("holds for every combination of layers of every integer setting", () => {
    const integers = settings.filter((setting) => setting.kind === "integer") as readonly Setting[];
    const value = (setting: Setting) => fc.option(fc.integer({ min: setting.range![0], max: setting.range![1] }));
    const cases = fc
      .constantFrom(...integers)
      .chain((setting) => fc.tuple(fc.constant(setting), value(setting), value(setting), value(setting)));
    fc.assert(
      fc.property(cases, ([setting, flag, variable, filed]) => {
        const [section, name] = setting.path.split(".") as [string, string];
        const { config } = load({
          flags: flag === null ? {} : { [setting.flag]: String(flag) },
          env: variable === null ? {} : { [setting.env]: String(variable) },
          ...(filed === null ? {} : { yaml: `${section}: { ${name}: ${filed} }` }),
        });
        const tree = config as unknown as Record<string, Record<string, number>>;
        expect(tree[section]![name]).toBe(flag ?? variable ?? filed ?? setting.default);
      }),
    );
  });

  it("counts an empty variable as not given", () => {
    expect(load({ env: { CHARTER_HTTP_PORT: "" }, yaml: "http: { port: 3 }" }).config.http.port).toBe(3);
  });

  it("resolves relative paths of the file from the file's folder and others from the current one", () => {
    const readFile = (path: string) => (path === "/etc/charter/c.yaml" ? "data: { dir: data }" : undefined);
    const filed = loadConfig({ env: { CHARTER_CONFIG: "/etc/charter/c.yaml" }, cwd: "/srv", readFile });
    expect(filed.config.data.dir).toBe("/etc/charter/data");
    const flagged = loadConfig({ flags: { data: "d", config: "/etc/charter/c.yaml" }, env: {}, cwd: "/srv", readFile });
    expect(flagged.config.data.dir).toBe("/srv/d");
  });

  it("uses the package's constitution when none is named", () => {
    const dir = load({}).config.constitution.dir;
    expect(readFileSync(`${dir}/constitution.yaml`, "utf8")).toContain("products");
  });

  it("gives a tree that nobody can change", () => {
    const { config } = load({});
    expect(Object.isFrozen(config) && Object.values(config).every((section) => Object.isFrozen(section))).toBe(true);
  });
});

describe("refusals", () => {
  const cases: readonly [name: string, layers: Layers, message: string][] = [
    [
      "an unknown setting",
      { yaml: "http:\n  prot: 1" },
      "charter.yaml:2:3: unknown setting http.prot (did you mean http.port?)",
    ],
    ["an unknown section", { yaml: "htp:\n  port: 1" }, 'charter.yaml:1:1: unknown section "htp" (did you mean http?)'],
    [
      "a setting outside its section",
      { yaml: "port: 1" },
      'charter.yaml:1:1: unknown section "port" (did you mean http.port?)',
    ],
    [
      "text for an integer in the file",
      { yaml: 'http:\n  port: "80"' },
      'charter.yaml:2:9: http.port must be an integer from 0 to 65535, not "80"',
    ],
    [
      "a fraction",
      { yaml: "http: { port: 1.5 }" },
      "charter.yaml:1:15: http.port must be an integer from 0 to 65535, not 1.5",
    ],
    [
      "a port out of range",
      { flags: { port: "65536" } },
      "--port: http.port must be an integer from 0 to 65535, not 65536",
    ],
    [
      "an exponent",
      { env: { CHARTER_HTTP_PORT: "1e3" } },
      'CHARTER_HTTP_PORT: http.port must be an integer from 0 to 65535, not "1e3"',
    ],
    [
      "an unknown word",
      { flags: { "log-level": "loud" } },
      '--log-level: log.level must be one of fatal, error, warn, info, debug, trace, silent, not "loud"',
    ],
    [
      "an unknown variable",
      { env: { CHARTER_HTTP_PROT: "1" } },
      "unknown environment variable CHARTER_HTTP_PROT (did you mean CHARTER_HTTP_PORT?)",
    ],
    [
      "a shortened variable",
      { env: { CHARTER_PORT: "1" } },
      "unknown environment variable CHARTER_PORT (did you mean CHARTER_HTTP_PORT?)",
    ],
    ["a key given twice", { yaml: "http:\n  port: 1\n  port: 2" }, "charter.yaml:3:3: Map keys must be unique"],
    ["an empty data folder", { flags: { data: "" } }, "--data: data.dir must be a path, not empty"],
    ["a list", { yaml: "- http" }, "charter.yaml:1:1: the file must hold sections such as `http:`"],
  ];
  it.each(cases)("refuses %s and says where", (_name, layers, message) => {
    expect(complaints(layers)).toBe(message);
  });

  it("reports every complaint at once", () => {
    expect(complaints({ env: { CHARTER_NO: "1" }, flags: { port: "x" }, yaml: "nope: {}" }).split("\n")).toHaveLength(
      3,
    );
  });

  it("refuses a named file that is not there and accepts a missing charter.yaml", () => {
    expect(complaints({ flags: { config: "other.yaml" } })).toBe("There is no configuration file other.yaml.");
    expect(complaints({})).toBe("");
  });

  it("passes over the variables of Kubernetes and of tests, but not over a port that is meant for it", () => {
    const injected = {
      CHARTER_PORT: "tcp://10.0.0.1:8000",
      CHARTER_SERVICE_HOST: "10.0.0.1",
      CHARTER_SERVICE_PORT_HTTP: "8000",
      CHARTER_PORT_8000_TCP_ADDR: "10.0.0.1",
      CHARTER_TEST_POSTGRES: "x",
      CHARTER_URL: "http://x",
      CHARTER_KEY: "k",
    };
    expect(complaints({ env: injected })).toBe("");
    expect(complaints({ env: { CHARTER_PORT: "9000" } })).toContain("CHARTER_PORT");
  });

  it("never throws anything but its own fault, whatever the file holds", () => {
    fc.assert(fc.property(fc.string(), (yaml) => void complaints({ yaml })));
    fc.assert(fc.property(fc.jsonValue(), (value) => void complaints({ yaml: JSON.stringify(value) })));
  });

  it("reads back every integer it accepts", () => {
    const port = settings.find((setting) => setting.path === "http.port")!;
    fc.assert(
      fc.property(fc.string(), (text) => {
        const reading = readText(port, text);
        if ("value" in reading) expect(/^\d+$/.test(text) && Number(text) === reading.value).toBe(true);
      }),
    );
  });
});

describe("showing a configuration", () => {
  it("masks a secret that is set and names its source", () => {
    const shown = describeConfig(load({ env: { CHARTER_DATABASE_URL: "postgres://u:hunter2@h/d" } }));
    expect(shown.find(({ path }) => path === "database.url")).toEqual({
      path: "database.url",
      value: mask,
      source: "CHARTER_DATABASE_URL",
    });
    expect(JSON.stringify(shown)).not.toContain("hunter2");
  });

  it("keeps secrets out of complaints", () => {
    expect(complaints({ env: { CHARTER_DATABASE_URL: "hunter2\0" } })).not.toContain("hunter2");
    expect(complaints({ yaml: "database: { url: 31337 }" })).not.toContain("31337");
  });

  it("has unique paths, variables and flags, each variable made from its path", () => {
    for (const column of ["path", "env", "flag"] as const) {
      expect(new Set(settings.map((setting) => setting[column])).size).toBe(settings.length);
    }
    for (const { path, env } of settings) {
      expect(env).toBe(`CHARTER_${path.replaceAll(/[.]|(?=[A-Z])/g, "_").toUpperCase()}`);
    }
  });

  it("keeps docs/config.md equal to the code", () => {
    expect(readFileSync("docs/config.md", "utf8"), "run npm run generate").toBe(renderConfigDoc());
  });
});
