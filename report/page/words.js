// Words: how the page writes numbers and times. It must write them as the program does.
'use strict';
const Words = (() => {
  // The thresholds and units are the program's, see internal/measure.
  const rules = JSON.parse(document.getElementById('measure').textContent);

  const count = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');

  // fixed is v.toFixed, but of two equally near numbers takes the even one, as the program does. Only a v that a few
  // binary places write exactly lies in the middle.
  function fixed(v, decimals) {
    const scaled = Math.trunc(v * 10 ** decimals), half = Math.abs(v * 10 ** decimals - scaled) === 0.5;
    if (!half || !Number.isInteger(v * 2 ** (decimals + 1)) || scaled % 2 !== 0) return v.toFixed(decimals);
    return (scaled / 10 ** decimals).toFixed(decimals);
  }

  function size(n) {
    let v = n, power = 0;
    while (Math.abs(v) >= rules.nextUnit) { v /= 1000; power++; }
    if (power === 0) return `${n} ${rules.units[0]}`;
    const decimals = Math.abs(v) < rules.twoDecimals ? 2 : Math.abs(v) < rules.oneDecimal ? 1 : 0;
    return `${fixed(v, decimals)} ${rules.units[power]}`;
  }

  // plainSize is size for the labels of an axis, whose numbers are round.
  const plainSize = (n) => size(n).replace(/(\.\d*?)0+ /, '$1 ').replace('. ', ' ');

  // percent writes a share, rounded down.
  function percent(share, decimals = 0) {
    const unit = 10 ** decimals, p = Math.floor(100 * unit * share + rules.slack) / unit;
    return p > rules.mostPercent ? `>${rules.mostPercent}%` : `${p.toFixed(decimals)}%`;
  }

  // share writes a part of the cap; '' without a cap.
  const share = (n, cap) => (cap > 0 ? percent(n / cap) : '');

  // gap writes microseconds, rounded down.
  function gap(us) {
    if (us < 0) return rules.none;
    if (us === 0) return '0.00 s';
    const step = rules.durations.find((d) => us < d.below || d.below === 0), parts = 10 ** step.decimals;
    return `${(Math.floor(us / (step.unit / parts)) / parts).toFixed(step.decimals)} ${step.name}`;
  }

  // bucket names a bar of the histogram by the names of its edges.
  function bucket(names, i) {
    if (i === 0) return '< ' + names[0];
    if (i === names.length) return '≥ ' + names[i - 1];
    return names[i - 1] + ' – ' + names[i];
  }

  // difference is how much more or less something is than in the period before.
  const difference = (now, then) => (now === then ? '±0' : (now > then ? '+' : '−') + count(Math.abs(now - then)));

  function change(now, then) {
    if (then === 0) return now === 0 ? '±0' : 'new';
    const p = Math.round(100 * (now - then) / then);
    return (p > 0 ? '+' : p < 0 ? '−' : '±') + count(Math.abs(p)) + '%';
  }

  const iso = (day) => new Date(day * 86400e3).toISOString().slice(0, 10);

  const status = (s) => (s === 0 ? 'no answer' : String(s));

  // local writes seconds since 1970 by the clocks of a tenant's zone, with UTC beside where that is another time. The clocks
  // are the program's: a browser may know other rules for a zone. To the minute, or to the second.
  function local({ clocks }, at, seconds = false) {
    const { ahead, name } = clocks.findLast((c) => c.from <= at) || clocks[0];
    const text = (s) => new Date(s * 1000).toISOString().slice(0, seconds ? 19 : 16).replace('T', ' ');
    const here = text(at + ahead), utc = text(at);
    if (here === utc) return `${here} ${name}`;
    return `${here} ${name} (${here.slice(0, 10) === utc.slice(0, 10) ? '' : utc.slice(5, 11)}${utc.slice(11)} UTC)`;
  }

  return { none: rules.none, count, size, plainSize, percent, share, gap, bucket, difference, change, iso, status, local };
})();
