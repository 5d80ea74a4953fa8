import { backOffSeconds, retryAfterSeconds } from './back-off.js';
import { signatureOf } from './signature.js';

describe('a signature', () => {
  it('is the one of the example of Standard Webhooks', () => {
    const key = Buffer.from('MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw', 'base64');
    const signature = signatureOf(
      key,
      'msg_p5jXN8AQM9LWM0D4loKWxJek',
      1614265330,
      '{"test": 2432232314}',
    );
    expect(signature).toBe('v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=');
  });
});

describe('the time until the next try', () => {
  it('doubles up to ten minutes', () => {
    const longest = [1, 2, 3, 10, 11, 50, 2000].map((it) => backOffSeconds(it, null, () => 0));
    expect(longest).toEqual([1, 2, 4, 512, 600, 600, 600]);
  });

  it('is up to a half shorter by chance', () => {
    expect([0, 0.5, 1].map((chance) => backOffSeconds(4, null, () => chance))).toEqual([8, 6, 4]);
  });

  it('is at least what the receiver asks for, within ten minutes', () => {
    expect(backOffSeconds(1, 30, () => 0)).toBe(30);
    expect(backOffSeconds(1, 1e9, () => 0)).toBe(600);
    expect(backOffSeconds(6, 1, () => 0)).toBe(32);
  });

  it.each([
    ['7', 7],
    [' 0 ', 0],
    ['Thu, 01 Jan 1970 00:01:40 GMT', 90],
    ['Thu, 01 Jan 1970 00:00:01 GMT', 0],
    ['soon', null],
    ['-5', null],
    ['', null],
    [undefined, null],
  ])('is read from %j', (header, seconds) => {
    expect(retryAfterSeconds(header, 10_000)).toBe(seconds);
  });
});
