// Words: how the page writes numbers and times. It must write them as the program does.
'use strict';
const Words = (() => {
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

  const count = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');

  function size(n) {
    let v = n, power = 0;
    while (Math.abs(v) >= 999.5) { v /= 1000; power++; }
    if (power === 0) return n + ' B';
    return v.toFixed(Math.abs(v) < 9.995 ? 2 : Math.abs(v) < 99.95 ? 1 : 0) + ' ' + units[power];
  }

  // plainSize is size for the labels of an axis, whose numbers are round.
  const plainSize = (n) => size(n).replace(/(\.\d*?)0+ /, '$1 ').replace('. ', ' ');

  // share writes a part of the cap, rounded down; '' without a cap.
  const share = (n, cap) => (cap > 0 ? `${count(Math.floor(100 * n / cap + 1e-9))} %` : '');

  // gap writes microseconds, rounded down.
  function gap(us) {
    if (us < 0) return '–';
    const down = (unit, digits) => (Math.floor(us / (unit / 10 ** digits)) / 10 ** digits).toFixed(digits);
    if (us > 0 && us < 10e3) return down(1e3, 2) + ' ms';
    if (us < 100e6) return down(1e6, 2) + ' s';
    if (us < 6000e6) return down(60e6, 1) + ' min';
    if (us < 360000e6) return down(3600e6, 1) + ' h';
    return down(86400e6, 0) + ' d';
  }

  const seconds = (s) => (s < 60 ? +s.toPrecision(3) + ' s' : s < 6000 ? +(s / 60).toPrecision(3) + ' min' : +(s / 3600).toPrecision(3) + ' h');

  // bucket names a bar of the histogram; edges are in seconds.
  function bucket(edges, i) {
    if (i === 0) return '< ' + seconds(edges[0]);
    if (i === edges.length) return '≥ ' + seconds(edges[i - 1]);
    return seconds(edges[i - 1]) + ' – ' + seconds(edges[i]);
  }

  // difference is how much more or less something is than in the period before.
  const difference = (now, then) => (now === then ? '±0' : (now > then ? '+' : '−') + count(Math.abs(now - then)));

  function change(now, then) {
    if (then === 0) return now === 0 ? '±0' : 'new';
    const p = Math.round(100 * (now - then) / then);
    return (p > 0 ? '+' : p < 0 ? '−' : '±') + count(Math.abs(p)) + ' %';
  }

  const iso = (day) => new Date(day * 86400e3).toISOString().slice(0, 10);

  const status = (s) => (s === 0 ? 'no answer' : String(s));

  // local writes seconds since 1970 by the clocks of a tenant's zone, with UTC beside where that is another time. The clocks
  // are the program's: a browser may know other rules for a zone.
  function local({ clocks }, at) {
    const { ahead, name } = clocks.findLast((c) => c.from <= at) || clocks[0];
    const text = (seconds) => new Date(seconds * 1000).toISOString().slice(0, 16).replace('T', ' ');
    const here = text(at + ahead), utc = text(at);
    if (here === utc) return `${here} ${name}`;
    return `${here} ${name} (${here.slice(0, 10) === utc.slice(0, 10) ? '' : utc.slice(5, 11)}${utc.slice(11)} UTC)`;
  }

  return { count, size, plainSize, share, gap, seconds, bucket, difference, change, iso, status, local };
})();
