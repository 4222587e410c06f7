/** More models than these in one request are nobody's. */
const MODELS_MAX = 64;
const NAME_CHARACTERS_MAX = 512;

const CONTROL = /\p{Cc}/u;
const DOT_PART = /(?:^|[/\\])\.\.?(?:[/\\]|$)/;

/** The models that a request names, in whatever place, and whether one of them is the call's own. */
export class ModelStatements {
  readonly named = new Set<string>();
  /** A place was found that states the model of the call itself. */
  hasOwn = false;
  /** Why no two readers need agree about this request; null while nothing speaks for it. */
  doubt: string | null = null;

  /** The first reason stays. */
  fail(why: string): void {
    this.doubt ??= why;
  }

  own(model: string): void {
    this.hasOwn = true;
    this.add(model);
  }

  /** A model as sent. What one reader trims, cuts off or resolves and another does not is no name. */
  add(model: string): void {
    if (
      model === '' ||
      model.length > NAME_CHARACTERS_MAX ||
      model.trim() !== model ||
      !model.isWellFormed() ||
      CONTROL.test(model) ||
      DOT_PART.test(model)
    ) {
      this.fail('a model has a name that readers take differently');
      return;
    }
    this.named.add(model);
    // Some gateways behind this one take a list in one name.
    if (model.includes(',')) for (const part of model.split(',')) this.named.add(part.trim());
    if (this.named.size > MODELS_MAX) this.fail('too many models are named');
  }
}
