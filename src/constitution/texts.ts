// The four files that make a constitution, by the role each plays.

/** The names of the files in a constitution's folder. */
export const fileNames = {
  data: "constitution.yaml",
  articles: "articles.cedar",
  policies: "policies.cedar",
  schema: "schema.cedarschema",
} as const;

/** The texts of the four files. */
export type ConstitutionTexts = Readonly<Record<keyof typeof fileNames, string>>;
