import type { Test } from 'tap';
import type { AdminRoute } from '../../lib/pipeline/index.ts';
import { OpsLab, type OpsLabOptions } from '../admin/ops-lab.ts';

interface Entry {
  readonly kind: string;
  readonly id: string;
  readonly reason: string;
}

/** The calls that `weir deny` and `weir provider` make, over a list in memory. */
export class StandInOps {
  entries: Entry[] = [];
  keys: Record<string, unknown>[] = [];
  /** Held by a file: cannot be removed over the API. */
  fileHolds: string | null = null;

  start(t: Test, options: OpsLabOptions = {}): Promise<OpsLab> {
    return OpsLab.start(t, { ...options, routes: this.#routes() });
  }

  #routes(): readonly AdminRoute[] {
    const route = (
      method: AdminRoute['method'],
      path: string,
      role: AdminRoute['role'],
      run: AdminRoute['run'],
    ): AdminRoute => ({ method, path, role, summary: path, run });
    return [
      route('GET', '/deny', 'viewer', ({ query }) => this.#page(query)),
      route('POST', '/deny', 'operator', ({ body }) => {
        const entry = body as Entry;
        this.entries = [...this.entries.filter(other => !isSame(other, entry)), entry];
        return { status: 201, body: entry };
      }),
      route('DELETE', '/deny/:kind/:id', 'operator', ({ params }) =>
        this.#remove(params as unknown as Entry),
      ),
      route('GET', '/providers/keys', 'viewer', () => ({ status: 200, body: { keys: this.keys } })),
      ...(['release', 'disable'] as const).map(action =>
        route('POST', `/providers/:provider/keys/:id/${action}`, 'operator', ({ params }) => {
          const key = this.keys.find(({ provider, id }) => provider === params.provider && id === params.id);
          if (key === undefined) return refusal(404, 'not_found', `there is no key ${params.id}`);
          key.state = action === 'release' ? 'usable' : 'disabled';
          return { status: 200, body: key };
        }),
      ),
    ];
  }

  #page(query: URLSearchParams) {
    const kind = query.get('kind');
    const limit = Number(query.get('limit'));
    const all = this.entries.filter(entry => kind === null || entry.kind === kind);
    const from = Number(query.get('after') ?? 0);
    const next = from + limit < all.length ? String(from + limit) : null;
    return { status: 200, body: { entries: all.slice(from, from + limit), next } };
  }

  #remove(entry: Entry) {
    if (this.fileHolds !== null) return refusal(409, 'held_by_file', `${this.fileHolds} holds this entry`);
    const left = this.entries.filter(other => !isSame(other, entry));
    if (left.length === this.entries.length) return refusal(404, 'not_found', 'there is no such entry');
    this.entries = left;
    return { status: 200, body: entry };
  }
}

function isSame(a: Entry, b: Entry): boolean {
  return a.kind === b.kind && a.id === b.id;
}

function refusal(status: number, code: string, message: string) {
  return { status, body: { error: { code, message } } };
}
