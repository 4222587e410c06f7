import type { AdminAnswer, AdminRequest, AdminRoute } from '../pipeline/index.ts';
import { AUDIT_PER_PAGE_MAX, type Register } from '../store/index.ts';
import { queryFault, readRows, WordFault } from './fact-filter.ts';
import { away, misused } from './query-refusals.ts';

const PAGE_DEFAULT = 100;

/** Calls that show the audit chain. */
export function auditRoutes(register: Register): readonly AdminRoute[] {
  return [
    {
      method: 'GET',
      path: '/audit',
      role: 'viewer',
      summary: 'admin changes in their chain, the last ones or those ?after=SEQ; ?limit',
      run: request => list(register, request),
    },
    {
      method: 'GET',
      path: '/audit/head',
      role: 'viewer',
      summary: 'the end of the chain, to be kept elsewhere',
      run: async () => {
        const head = await register.auditHead();
        return head.ok ? { status: 200, body: head.value } : away(head.problem);
      },
    },
  ];
}

async function list(register: Register, { query }: AdminRequest): Promise<AdminAnswer> {
  const fault = queryFault(query, ['limit', 'after']);
  if (fault !== null) return misused(fault);
  const limit = readRows(query.get('limit') ?? String(PAGE_DEFAULT), AUDIT_PER_PAGE_MAX);
  const after = query.get('after');
  if (limit instanceof WordFault) return misused(limit);
  if (after !== null && !/^\d{1,15}$/.test(after))
    return misused(new WordFault('after', 'is the seq of an entry'));
  const page = await register.audit({ limit, ...(after === null ? {} : { after: Number(after) }) });
  return page.ok ? { status: 200, body: page.value } : away(page.problem);
}
