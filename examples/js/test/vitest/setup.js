// One server a series for all tests of a run. With the newest series alone, 'wiredoo/vitest-setup' itself would do.
import { setup } from 'wiredoo/vitest-setup';

export default setup({ series: ['19.0', '18.0'] });
