import type { AdminRoute } from '../pipeline/index.ts';
import type { OpsSegment } from './ops-target.ts';

interface Row {
  readonly route: AdminRoute;
  readonly parts: readonly string[];
}

export type RouteMatch =
  | { readonly route: AdminRoute; readonly params: Readonly<Record<string, string>> }
  /** The path is known, the method is not. */
  | { readonly allow: readonly string[] };

function isParameter(part: string): boolean {
  return part.startsWith(':');
}

/** Where a literal part stands against a parameter, the literal is more precise. */
function byPrecision(a: Row, b: Row): number {
  for (let i = 0; i < Math.min(a.parts.length, b.parts.length); i++) {
    const difference = Number(isParameter(a.parts[i]!)) - Number(isParameter(b.parts[i]!));
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Finds the admin route of a request; `HEAD` is answered where `GET` is. */
export class RouteTable {
  readonly #rows: readonly Row[];

  /**
   * @param reserved paths that no route may have.
   * @throws where two routes are the same: a mistake of ours.
   */
  constructor(routes: readonly AdminRoute[], reserved: ReadonlySet<string>) {
    const seen = new Set<string>();
    const rows = routes.map(route => {
      const parts = route.path.slice(1).split('/');
      const shape = `${route.method} ${parts.map(part => (isParameter(part) ? ':' : part)).join('/')}`;
      if (seen.has(shape) || reserved.has(route.path))
        throw new Error(`two admin routes for ${route.method} ${route.path}`);
      seen.add(shape);
      return { route, parts };
    });
    this.#rows = rows.sort(byPrecision);
  }

  /** Null where no route has such a path. */
  match(method: string, segments: readonly OpsSegment[]): RouteMatch | null {
    const wanted = method === 'HEAD' ? 'GET' : method;
    const allow = new Set<string>();
    for (const { route, parts } of this.#rows) {
      if (!fits(parts, segments)) continue;
      if (route.method === wanted) return { route, params: paramsOf(parts, segments) };
      allow.add(route.method);
      if (route.method === 'GET') allow.add('HEAD');
    }
    return allow.size === 0 ? null : { allow: [...allow].sort() };
  }
}

function fits(parts: readonly string[], segments: readonly OpsSegment[]): boolean {
  return (
    parts.length === segments.length &&
    parts.every((part, i) => isParameter(part) || part === segments[i]!.raw)
  );
}

function paramsOf(parts: readonly string[], segments: readonly OpsSegment[]): Record<string, string> {
  const params: Record<string, string> = {};
  parts.forEach((part, i) => {
    if (isParameter(part)) params[part.slice(1)] = segments[i]!.decoded;
  });
  return params;
}
