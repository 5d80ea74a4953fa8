import { TakingTime } from './taking-time.js';

describe('the time that a client has', () => {
  beforeEach(() => jest.useFakeTimers({ now: 0 }));
  afterEach(() => jest.useRealTimers());

  it('ends where nothing is taken', () => {
    const time = new TakingTime({ ms: 1000, bytesPerSecond: 100 });
    jest.advanceTimersByTime(999);
    expect(time.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(time.signal.aborted).toBe(true);
  });

  it('is longer by what is taken', () => {
    const time = new TakingTime({ ms: 1000, bytesPerSecond: 100 });
    jest.advanceTimersByTime(500);
    time.took(50);
    jest.advanceTimersByTime(999);
    expect(time.signal.aborted).toBe(false);
    jest.advanceTimersByTime(1);
    expect(time.signal.aborted).toBe(true);
  });

  it('has no end for whoever takes enough', () => {
    const time = new TakingTime({ ms: 1000, bytesPerSecond: 100 });
    for (let second = 0; second < 3600; second += 1) {
      jest.advanceTimersByTime(1000 - 1);
      time.took(100);
      jest.advanceTimersByTime(1);
    }
    expect(time.signal.aborted).toBe(false);
    time.end();
    expect(jest.getTimerCount()).toBe(0);
  });
});
