/** One thing wrong with the config section `providers`; never holds a secret. */
export interface ProviderProblem {
  /** Such as `providers.lab.keys[0]`. */
  readonly path: string;
  readonly message: string;
}
