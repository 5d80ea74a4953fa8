import { describeAgent } from './suite.js';

describeAgent('claude');
