import { describeAgent } from './suite.js';

describeAgent('opencode');
