// Fault lines and peaks as a reader looks for them in a spectrum. Pure.

/** How far a line may lie from its nominal place, as a share of it: rolling elements slip, so it is mostly low. */
export const SLIP_SHARE = { outer: 0.01, inner: 0.007, other: 0.012 };

/** Slip band of a fault line by its name. */
export function slipOf(line) {
  if (/bpfo|outer/i.test(line)) return SLIP_SHARE.outer;
  if (/bpfi|inner/i.test(line)) return SLIP_SHARE.inner;
  return SLIP_SHARE.other;
}

/** Whether a line is an order of the shaft (`1x`, `0.5x`): it is looked for in the spectrum itself, not in the envelope. */
export function isOfShaft(line) {
  return /^\d+(\.\d+)?x$/.test(line);
}

const APART_BINS = 3; // a Hann window is four bins wide: closer maxima are one peak
const APART_SHARE = 0.005;
const SHAFT_HARMONICS = 10; // beyond these any frequency is close to some harmonic

/** The highest local maxima, as `{hz, amplitude}`, highest first; the frequency is refined by a parabola through three bins. */
export function findPeaks(values, stepHz, count) {
  const peaks = [];
  for (let at = 2; at < values.length - 1; at++) {
    const [before, here, after] = [values[at - 1], values[at], values[at + 1]];
    if (here <= before || here < after) continue;
    const bend = before - 2 * here + after;
    const shift = bend === 0 ? 0 : (0.5 * (before - after)) / bend;
    peaks.push({ hz: (at + shift) * stepHz, amplitude: here });
  }
  const highest = [];
  for (const peak of peaks.sort((a, b) => b.amplitude - a.amplitude)) {
    if (highest.length === count) break;
    if (highest.every((other) => Math.abs(other.hz - peak.hz) > Math.max(APART_BINS * stepHz, APART_SHARE * peak.hz))) highest.push(peak);
  }
  return highest;
}

/** What a peak may belong to: a fault line within its slip band, or a harmonic of the shaft; null for neither. */
export function lineNear(hz, stepHz, faultLines, speedRpm) {
  const line = faultLines
    .filter((one) => Math.abs(hz - one.expected_hz) <= Math.max(slipOf(one.line) * one.expected_hz, stepHz))
    .sort((a, b) => Math.abs(hz - a.expected_hz) - Math.abs(hz - b.expected_hz))[0];
  if (line) return line.line;
  if (!speedRpm) return null;
  const order = (hz * 60) / speedRpm;
  const harmonic = Math.round(order);
  return harmonic >= 1 && harmonic <= SHAFT_HARMONICS && Math.abs(order - harmonic) * (speedRpm / 60) <= Math.max(stepHz, APART_SHARE * hz) ? `${harmonic}× shaft` : null;
}
