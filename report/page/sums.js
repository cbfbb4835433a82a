// Sums over days: what a range of days adds up to. Nothing here touches the page.
'use strict';
const Sums = (() => {
  const second = 1e6;

  // read makes a tenant's days of the page's data: columns that are empty on each day are not in it.
  function read(text) {
    const t = JSON.parse(text);
    for (const name of Object.keys(t)) if (t[name] === null) t[name] = [];
    for (const name of ['viol', 'ind', 'intoIs', 'auth']) t[name] ??= t.day.map(() => 0);
    for (const name of ['fnd', 'dup']) t[name] ??= t.day.map(() => []);
    return t;
  }

  // gapBucket finds the histogram's bucket of a gap in microseconds; an edge belongs to the bucket that it begins.
  function gapBucket(edges, gap) {
    let i = 0;
    while (i < edges.length && gap / second >= edges[i]) i++;
    return i;
  }

  function each(flat, f) {
    for (let i = 0; i < flat.length; i += 2) f(flat[i], flat[i + 1]);
  }

  function empty(shared, t) {
    return {
      requests: 0, bytes: 0, peak: 0, peakAt: 0, paced: 0, gaps: 0, violations: 0, unclear: 0, least: -1, auth: 0, wasted: 0,
      answers: new Array(t.kinds.length).fill(0), buckets: new Array(shared.edges.length + 1).fill(0), hours: new Array(168).fill(0),
      rules: new Array(shared.rules.length).fill(0), when: shared.rules.map(() => []), whole: false, // when: day, count
    };
  }

  // range adds up the days from..to of a tenant, both counted from the first day of the data and inclusive. It is what an
  // audit of the same days says: the gap that leads into the range, and a download repeated from before it, do not count.
  function range(shared, t, from, to) {
    const s = empty(shared, t);
    let first = true;
    for (let k = 0; k < t.day.length; k++) {
      const day = t.day[k];
      if (day < from || day > to) continue;
      addDay(shared, t, s, k, from);
      if (t.paced[k] > 0) {
        if (first) leaveOut(shared, t, s, k);
        else shortest(s, t.into[k]);
        first = false;
      }
    }
    return s;
  }

  function shortest(s, gap) {
    if (gap >= 0 && (s.least < 0 || gap < s.least)) s.least = gap;
  }

  function addDay(shared, t, s, k, from) {
    s.requests += t.req[k];
    s.bytes += t.bytes[k];
    if (t.req[k] > 0 && (s.peakAt === 0 || t.peak[k] > s.peak)) {
      s.peak = t.peak[k];
      s.peakAt = (shared.from + t.day[k]) * 86400 + t.peakAt[k];
    }
    s.paced += t.paced[k];
    s.violations += t.viol[k];
    s.unclear += t.ind[k];
    s.auth = Math.max(s.auth, t.auth[k]);
    shortest(s, t.least[k]);
    each(t.ans[k], (i, n) => { s.answers[i] += n; });
    each(t.gaps[k], (i, n) => { s.buckets[i] += n; s.gaps += n; });
    each(t.hrs[k], (i, n) => { s.hours[i] += n; });
    each(t.fnd[k], (i, n) => {
      s.rules[i] += n;
      s.when[i].push([t.day[k], n]);
    });
    addAgain(shared, t, s, k, from);
  }

  // less takes back some of what the day added last counted of a rule.
  function less(s, rule, n) {
    s.rules[rule] -= n;
    const last = s.when[rule].at(-1);
    last[1] -= n;
    if (last[1] === 0) s.when[rule].pop();
  }

  function addAgain(shared, t, s, k, from) {
    const again = t.dup[k];
    for (let i = 0; i < again.length; i += 3) {
      if (again[i] < from) less(s, shared.index['duplicate-download'], again[i + 1]);
      else s.wasted += again[i + 2];
    }
  }

  function leaveOut(shared, t, s, k) {
    if (t.into[k] < 0) return;
    s.gaps--;
    s.buckets[gapBucket(shared.edges, t.into[k])]--;
    if (t.intoIs[k] & 1) {
      s.violations--;
      less(s, shared.index.spacing, 1);
    }
    if (t.intoIs[k] & 2) s.unclear--;
    if (t.intoIs[k] & 4) less(s, shared.index.interleaved, 1);
  }

  // judge fills in findings, verdict and the number of violations. The range that the page opens with is what the audit
  // said, which knows what no day does: how the log goes on, and how full the window is now.
  function judge(shared, t, s, from, to) {
    s.whole = from === shared.start && to === shared.to - shared.from;
    if (s.whole) Object.assign(s, t.now, { verdict: t.verdict, rules: s.rules.map((_, i) => t.finds[i] || 0) });
    const weight = (i) => (i === shared.index.auth && s.auth >= shared.burst ? 'violation' : shared.weights[i]);
    s.weights = s.rules.map((n, i) => (n > 0 ? weight(i) : ''));
    s.broken = s.rules.reduce((sum, n, i) => sum + (s.weights[i] === 'violation' ? n : 0), 0);
    if (!s.whole) s.verdict = s.broken > 0 ? 'fail' : s.weights.includes('warning') ? 'warn' : 'pass';
    return s;
  }

  function of(shared, t, from, to) {
    return judge(shared, t, range(shared, t, from, to), from, to);
  }

  // bucketAt finds the histogram's bucket in which the nearest rank of a share of the gaps lies; -1 without gaps.
  function bucketAt(s, part) {
    const rank = Math.max(1, Math.ceil(part * s.gaps - 1e-9));
    for (let i = 0, n = 0; i < s.buckets.length; i++) {
      n += s.buckets[i];
      if (s.gaps > 0 && n >= rank) return i;
    }
    return -1;
  }

  return { read, of, bucketAt };
})();
