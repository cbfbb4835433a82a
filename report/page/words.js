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

  const zones = new Map();

  function format(zone) {
    let f = zones.get(zone);
    if (!f) {
      const how = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23' };
      try {
        f = new Intl.DateTimeFormat('en-CA', { ...how, timeZone: zone });
      } catch (e) {
        f = new Intl.DateTimeFormat('en-CA', { ...how, timeZone: 'UTC' });
      }
      zones.set(zone, f);
    }
    return f;
  }

  // local writes seconds since 1970 in the zone of a tenant, with UTC beside where that is another time. abbr has the zone's
  // names by their minutes from UTC: a browser's own differ from those of the program.
  function local({ zone, abbr }, at) {
    const utc = new Date(at * 1000).toISOString();
    const p = {};
    for (const part of format(zone).formatToParts(new Date(at * 1000))) p[part.type] = part.value;
    const day = `${p.year}-${p.month}-${p.day}`, time = `${p.hour}:${p.minute}`;
    if (day === utc.slice(0, 10) && time === utc.slice(11, 16)) return `${day} ${time} ${abbr[0] || 'UTC'}`;
    const name = abbr[Math.round((Date.parse(`${day}T${time}Z`) - Date.parse(utc.slice(0, 16) + 'Z')) / 60e3)] || '';
    return `${day} ${time} ${name} (${day === utc.slice(0, 10) ? '' : utc.slice(5, 10) + ' '}${utc.slice(11, 16)} UTC)`;
  }

  return { count, size, plainSize, share, gap, seconds, bucket, difference, change, iso, status, local };
})();
