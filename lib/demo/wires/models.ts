import { DEMO_MODEL } from '../script.ts';
import { json, type Route, SCRIPT_TIME } from '../wire.ts';

/**
 * `/models` is one path of two wires, so one answer holds the members of both:
 * `object`, `created` and `owned_by` of the chat wire; `type`, `display_name`,
 * `created_at` and the list's cursors of the messages wire.
 */
export const modelsRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: /\/models$/,
    reply: () =>
      json({
        object: 'list',
        data: [model(DEMO_MODEL)],
        has_more: false,
        first_id: DEMO_MODEL,
        last_id: DEMO_MODEL,
      }),
  },
  { method: 'GET', path: /\/models\/([^/]+)$/, reply: call => json(model(call.captured[0]!)) },
];

function model(id: string): object {
  return {
    id,
    object: 'model',
    created: SCRIPT_TIME.seconds,
    owned_by: 'weir',
    type: 'model',
    display_name: 'Weir demo',
    created_at: SCRIPT_TIME.iso,
  };
}
