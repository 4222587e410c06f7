/** Where a gateway without a config file listens. */
export const CONFIG_FREE_URL = 'http://127.0.0.1:8787';
