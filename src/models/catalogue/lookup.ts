// What a caller means by the name of a model: one that is listed, one that an open provider has, a tier, a tag, or that
// the router should choose. Pure.
import type { Tier } from "../../constitution/index.ts";
import type { Strategy } from "../../routing/index.ts";
import { strategies } from "../../routing/index.ts";
import { unlistedDeployment } from "./catalogue.ts";
import type { Deployment, Provider } from "./catalogue.ts";
import type { CatalogueContents } from "./catalogue-file.ts";
import type { OfferedModel } from "../model-list.ts";

/** What a name stands for. */
export type Wanted =
  /** The router chooses, by a strategy where the name says one. */
  | { readonly kind: "any"; readonly strategy?: Strategy; readonly note?: string }
  | { readonly kind: "tier"; readonly tier: number; readonly note?: string }
  | { readonly kind: "tag"; readonly tag: string }
  /** These deployments and no others. */
  | { readonly kind: "named"; readonly deployments: readonly Deployment[] };

type Service = Deployment["serves"];

/** Longest name of a model, characters. */
export const maxModelName = 256;

/** Finds what names stand for in one catalogue. */
export class Lookup {
  readonly deployments: readonly Deployment[];
  readonly providers: readonly Provider[];
  readonly #simulated: boolean;
  readonly #tiers: readonly Tier[];
  readonly #isKnown: (deployment: Deployment) => boolean;
  readonly #named = new Map<string, Deployment[]>();

  /**
   * @param simulated The built-in models, where they are in force; they then stand in for providers without a key.
   * @param isKnown Whether a model that is not listed is known to exist, as from a price list.
   */
  constructor(
    contents: CatalogueContents,
    simulated: readonly Deployment[],
    tiers: readonly Tier[],
    isKnown: (deployment: Deployment) => boolean = () => false,
  ) {
    this.#isKnown = isKnown;
    this.deployments = [...contents.deployments, ...simulated];
    this.providers = contents.providers;
    this.#simulated = simulated.length > 0;
    this.#tiers = tiers;
    for (const deployment of this.deployments) {
      const { name, model, provider } = deployment;
      for (const key of new Set([name, model, `${provider.name}/${model}`])) {
        this.#named.set(key, [...(this.#named.get(key) ?? []), deployment]);
      }
    }
  }

  /** What a name stands for; undefined when nothing has it. */
  find(name: string, serves: Service): Wanted | undefined {
    if (name.length > maxModelName) return undefined;
    const chosen = serves === "chat" ? this.#choice(name) : undefined;
    if (chosen !== undefined) return chosen;
    const listed = this.#named.get(name)?.filter((deployment) => deployment.serves === serves) ?? [];
    const found = listed.length > 0 ? listed : this.unlisted(name, serves);
    if (found.length === 0) return undefined;
    // The built-in models stand in for a model that there is, not for a slip of the pen.
    if (
      listed.length === 0 &&
      this.#simulated &&
      !found.some((each) => each.provider.lacks === undefined || this.#isKnown(each))
    )
      return undefined;
    return this.#standIn(found, serves) ?? { kind: "named", deployments: found };
  }

  /** A name that leaves the choice, or part of it, to the router. */
  #choice(name: string): Wanted | undefined {
    if (name === "auto") return { kind: "any" };
    const strategy = strategies.find((each) => name === each || name === `auto:${each}`);
    if (strategy !== undefined) return { kind: "any", strategy };
    if (name.startsWith("tag:")) return this.#tagged(name.slice("tag:".length));
    if (!name.startsWith("tier:")) return undefined;
    const word = name.slice("tier:".length);
    const tier = this.#tiers.find((each) => each.name === word || String(each.tier) === word);
    return tier && { kind: "tier", tier: tier.tier };
  }

  #tagged(tag: string): Wanted | undefined {
    return this.deployments.some(({ tags }) => tags.includes(tag)) ? { kind: "tag", tag } : undefined;
  }

  /** The model that an open provider would have under a name that is not listed. */
  unlisted(name: string, serves: Service): readonly Deployment[] {
    if (name.length > maxModelName) return [];
    const slash = name.indexOf("/");
    const [owner, model] = [name.slice(0, Math.max(slash, 0)), name.slice(slash + 1)];
    const byOwner = this.providers.find((provider) => provider.open && provider.name === owner);
    if (byOwner !== undefined && model !== "") return [unlistedDeployment(byOwner, model, serves)];
    const byPrefix = this.providers.find(({ modelPrefixes }) =>
      modelPrefixes.some((prefix) => name.startsWith(prefix)),
    );
    return byPrefix === undefined ? [] : [unlistedDeployment(byPrefix, name, serves)];
  }

  /** Those of a provider's own models that can be named as `provider/model` and are not listed. */
  offered(provider: Provider, models: readonly OfferedModel[]): readonly Deployment[] {
    return models
      .map(({ model, serves }) => unlistedDeployment(provider, model, serves))
      .filter(({ name }) => name.length <= maxModelName && !this.#named.has(name));
  }

  /** Whose deployment has a name, or would have it; null where there is none. */
  providerOf(name: string): string | null {
    const deployment = this.deployments.find((each) => each.name === name) ?? this.unlisted(name, "chat")[0];
    return deployment?.provider.name ?? null;
  }

  /** With the built-in models in force, a model whose providers all lack a key is answered by them, and says so. */
  #standIn(found: readonly Deployment[], serves: Service): Wanted | undefined {
    const [first] = found;
    if (!this.#simulated || first === undefined) return undefined;
    if (found.some(({ provider }) => provider.lacks === undefined)) return undefined;
    const note = `${first.provider.name} is not configured (${first.provider.lacks ?? ""}), so the built-in simulation answers`;
    if (serves === "embeddings") {
      return {
        kind: "named",
        deployments: this.deployments.filter((each) => each.serves === serves && each.provider.kind === "simulated"),
      };
    }
    return first.name.includes("/") ? { kind: "any", note } : { kind: "tier", tier: first.tier, note };
  }
}
