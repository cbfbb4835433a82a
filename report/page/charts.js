// Charts and their tables. Each kind has the data of its chart and the rows of its table made from the same numbers.
'use strict';
const Charts = (() => {
  const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];
  const units = ['B', 'kB', 'MB', 'GB', 'TB', 'PB', 'EB'];

  const count = (n) => String(n).replace(/\B(?=(\d{3})+(?!\d))/g, ',');

  function size(n) {
    let v = n, power = 0;
    while (Math.abs(v) >= 999.5) { v /= 1000; power++; }
    if (power === 0) return n + ' B';
    return v.toFixed(Math.abs(v) < 9.995 ? 2 : Math.abs(v) < 99.95 ? 1 : 0) + ' ' + units[power];
  }

  // gap writes microseconds, rounded down.
  function gap(us) {
    if (us < 0) return '–';
    const down = (unit, digits) => (Math.floor(us / (unit / 10 ** digits)) / 10 ** digits).toFixed(digits);
    if (us < 100e6) return down(1e6, 2) + ' s';
    if (us < 6000e6) return down(60e6, 1) + ' min';
    if (us < 360000e6) return down(3600e6, 1) + ' h';
    return down(86400e6, 0) + ' d';
  }

  const iso = (day) => new Date(day * 86400e3).toISOString().slice(0, 10);

  const zones = new Map();

  function format(zone) {
    let f = zones.get(zone);
    if (!f) {
      const how = { year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit', hourCycle: 'h23', timeZoneName: 'short' };
      try {
        f = new Intl.DateTimeFormat('en-CA', { ...how, timeZone: zone });
      } catch (e) {
        f = new Intl.DateTimeFormat('en-CA', { ...how, timeZone: 'UTC' });
      }
      zones.set(zone, f);
    }
    return f;
  }

  // local writes seconds since 1970 in a zone, with UTC beside where that is another time.
  function local(zone, at) {
    const utc = new Date(at * 1000).toISOString();
    const p = {};
    for (const part of format(zone).formatToParts(new Date(at * 1000))) p[part.type] = part.value;
    const day = `${p.year}-${p.month}-${p.day}`, time = `${p.hour}:${p.minute}`;
    if (day === utc.slice(0, 10) && time === utc.slice(11, 16)) return `${day} ${time} UTC`;
    return `${day} ${time} ${p.timeZoneName} (${day === utc.slice(0, 10) ? '' : utc.slice(5, 10) + ' '}${utc.slice(11, 16)} UTC)`;
  }

  function days(view) {
    const all = [];
    for (let d = view.from; d <= view.to; d++) all.push(d);
    return all;
  }

  // byDay finds the index of each day's columns; days without a request have none.
  function byDay(t) {
    if (!t.at) t.at = new Map(t.day.map((d, k) => [d, k]));
    return t.at;
  }

  function rolling(shared, t, view, ink) {
    const list = days(view), at = byDay(t);
    const labels = list.map((d) => iso(shared.from + d));
    const past = list.map((d) => (at.has(d) && t.req[at.get(d)] > 0 ? t.peak[at.get(d)] : null));
    const ahead = t.fc && view.to >= shared.to - shared.from ? t.fc.days : [];
    const pad = past.map(() => null);
    for (const row of ahead) {
      labels.push(new Date(row[0] * 1000).toISOString().slice(0, 10));
      past.push(null);
    }
    const line = (f) => pad.concat(ahead.map(f));
    const o = base(shared, 'rolling', ink);
    const fill = [past, line((r) => r[3]), line((r) => r[1]), line((r) => r[5] - r[1]), line((r) => r[2]), line((r) => r[4] - r[2])];
    o.series.forEach((s, i) => { s.data = fill[i]; s.itemStyle = { color: ink(i === 0 ? '--c1' : '--c5') }; s.showSymbol = list.length <= 62; });
    if (ahead.length === 0) o.series = o.series.slice(0, 1);
    o.legend.data = ahead.length ? ['Rolling sum, largest of the day', 'Forecast, median', 'Forecast, 80 %', 'Forecast, 50 %'] : ['Rolling sum, largest of the day'];
    o.xAxis[0].data = labels;
    o.yAxis[0].axisLabel.formatter = size;
    if (t.cap > 0) {
      o.yAxis[0].max = (v) => Math.max(v.max, t.cap * 1.05);
      o.series[0].markLine = mark({ yAxis: t.cap }, 'cap ' + size(t.cap), ink, 'insideEndTop');
    }
    o.tooltip.formatter = (all) => {
      const i = all[0].dataIndex, lines = [labels[i]];
      if (i < list.length) lines.push(past[i] === null ? 'no requests' : size(past[i]) + share(past[i], t.cap));
      else lines.push('median ' + size(ahead[i - list.length][3]), '80 %: ' + size(ahead[i - list.length][1]) + ' to ' + size(ahead[i - list.length][5]));
      return lines.join('\n');
    };
    const rows = list.filter((d) => at.has(d)).map((d) => {
      const k = at.get(d);
      return [iso(shared.from + d), size(t.peak[k]), share(t.peak[k], t.cap).trim() || '–', size(t.bytes[k]), count(t.req[k])];
    });
    for (const r of ahead) rows.push([new Date(r[0] * 1000).toISOString().slice(0, 10) + ' (forecast)', size(r[3]), share(r[3], t.cap).trim() || '–', size(r[1]) + ' to ' + size(r[5]), '–']);
    return { option: o, heads: ['Day (UTC)', 'Rolling sum', 'Of the cap', 'Audio (forecast: 80 %)', 'Requests'], rows, numbers: [1, 2, 3, 4], alt: `Rolling sum by day; largest ${size(view.sum.peak)}${share(view.sum.peak, t.cap)}` };
  }

  const share = (n, cap) => (cap > 0 ? ` ${Math.floor(100 * n / cap + 1e-9)} %` : '');

  function mark(data, label, ink, position) {
    return {
      silent: true, symbol: 'none', data: [data], lineStyle: { color: ink('--c3'), type: 'solid', width: 2 },
      label: { formatter: label, color: ink('--bad'), position, fontWeight: 'bold' },
    };
  }

  const seconds = (s) => (s < 100 ? +s.toPrecision(3) + ' s' : s < 6000 ? +(s / 60).toPrecision(3) + ' min' : +(s / 3600).toPrecision(3) + ' h');

  function bucketName(edges, i) {
    if (i === 0) return '< ' + seconds(edges[0]);
    if (i === edges.length) return '≥ ' + seconds(edges[i - 1]);
    return seconds(edges[i - 1]) + ' – ' + seconds(edges[i]);
  }

  function gaps(shared, t, view, ink) {
    const edges = shared.edges, buckets = view.sum.buckets, o = base(shared, 'gaps', ink);
    const limit = edges.findIndex((e) => e >= shared.limit - 1e-9) + 1;
    o.xAxis[0].data = buckets.map((_, i) => bucketName(edges, i));
    o.xAxis[0].axisLabel.formatter = (v, i) => (i === 0 ? '0' : seconds(edges[i - 1]));
    o.xAxis.push({ type: 'value', min: 0, max: buckets.length, show: false });
    o.series[0].data = buckets.map((n, i) => (i < limit ? n : null));
    o.series[1].data = buckets.map((n, i) => (i < limit ? null : n));
    o.series[0].itemStyle = hatched(ink('--c3'), ink);
    o.series[1].itemStyle = { color: ink('--c1') };
    o.series.push({ type: 'line', name: 'limit', xAxisIndex: 1, data: [], markLine: mark({ xAxis: limit }, 'limit ' + seconds(shared.limit), ink, 'insideEndTop') });
    o.legend.data = ['Gaps under the limit', 'Gaps at the limit or above'];
    o.yAxis[0].axisLabel.formatter = count;
    o.tooltip.formatter = (all) => bucketName(edges, all[0].dataIndex) + '\n' + count(buckets[all[0].dataIndex]) + ' gaps';
    const rows = buckets.map((n, i) => [bucketName(edges, i), count(n), view.sum.gaps ? (100 * n / view.sum.gaps).toFixed(1) + ' %' : '–', i < limit ? 'under' : 'at or above']);
    return { option: o, heads: ['Gap', 'Gaps', 'Share', 'The limit'], rows, numbers: [1, 2], alt: `${count(view.sum.gaps)} gaps, ${count(view.sum.violations)} of them violations, ${count(view.sum.unclear)} indeterminate` };
  }

  const hatched = (color, ink) => ({ color, decal: { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: -Math.PI / 4, color: ink('--paper') } });

  function timeline(shared, t, view, ink) {
    const list = days(view), at = byDay(t), o = base(shared, 'timeline', ink);
    // The gap into the range's first download is another range's.
    let first = true;
    const of = (column, bit) => list.map((d) => {
      const k = at.get(d);
      if (k === undefined) return 0;
      const lead = first && t.paced[k] > 0;
      if (lead) first = false;
      return column[k] - (lead && t.intoIs[k] & bit ? 1 : 0);
    });
    const bad = of(t.viol, 1);
    first = true;
    const unclear = of(t.ind, 2);
    o.xAxis[0].data = list.map((d) => iso(shared.from + d));
    o.series[0].data = bad;
    o.series[1].data = unclear;
    o.series[0].itemStyle = { color: ink('--c3') };
    o.series[1].itemStyle = hatched(ink('--c2'), ink);
    o.yAxis[0].minInterval = 1;
    o.yAxis[0].max = (v) => (v.max < 4 ? 4 : null);
    o.yAxis[0].axisLabel.formatter = count;
    o.tooltip.formatter = (all) => [o.xAxis[0].data[all[0].dataIndex], count(bad[all[0].dataIndex]) + ' violations', count(unclear[all[0].dataIndex]) + ' indeterminate'].join('\n');
    const rows = list.filter((d) => at.has(d)).map((d) => {
      const i = d - view.from;
      return [iso(shared.from + d), count(t.paced[at.get(d)]), count(bad[i]), count(unclear[i])];
    });
    return { option: o, heads: ['Day (UTC)', 'Downloads', 'Violations', 'Indeterminate'], rows, numbers: [1, 2, 3], alt: `${count(view.sum.violations)} violations by day` };
  }

  const statusName = (s) => (s === 0 ? 'no answer' : String(s));

  // groups puts kinds of answers together that look alike in the chart: those of one status, expected or not.
  function groups(t) {
    const found = new Map();
    t.kinds.forEach((k, i) => {
      const name = statusName(k.s) + (k.e ? '' : ', unexpected');
      if (!found.has(name)) found.set(name, { name, status: k.s, expected: k.e, kinds: [] });
      found.get(name).kinds.push(i);
    });
    return [...found.values()].sort((a, b) => a.status - b.status || b.expected - a.expected);
  }

  function color(g, ink) {
    if (!g.expected) return hatched(ink('--c3'), ink);
    if (g.status >= 400) return { color: ink('--c4') };
    return { color: ink(g.status === 200 ? '--c1' : '--c5') };
  }

  function answers(shared, t, view, ink) {
    const list = days(view), at = byDay(t), o = base(shared, 'answers', ink);
    o.xAxis[0].data = list.map((d) => iso(shared.from + d));
    const all = groups(t);
    o.series = all.map((g) => ({
      type: 'bar', stack: 'day', name: g.name, itemStyle: color(g, ink), data: list.map((d) => {
        if (!at.has(d)) return 0;
        const flat = t.ans[at.get(d)];
        let n = 0;
        for (let i = 0; i < flat.length; i += 2) if (g.kinds.includes(flat[i])) n += flat[i + 1];
        return n;
      }),
    }));
    o.legend.type = 'plain';
    o.yAxis[0].minInterval = 1;
    o.yAxis[0].axisLabel.formatter = count;
    o.tooltip.formatter = (items) => [o.xAxis[0].data[items[0].dataIndex]].concat(items.filter((x) => x.value > 0).map((x) => `${x.seriesName}: ${count(x.value)}`)).join('\n');
    const rows = t.kinds.map((k, i) => [k.m, k.c, statusName(k.s), k.e ? 'yes' : '! no', count(view.sum.answers[i]), view.before ? count(view.before.answers[i]) : null])
      .filter((r) => r[4] !== '0' || r[5] && r[5] !== '0').map((r) => (view.before ? r : r.slice(0, 5)));
    rows.sort((a, b) => (a.slice(0, 3).join(' ') < b.slice(0, 3).join(' ') ? -1 : 1));
    return {
      option: o, heads: ['Method', 'Class', 'Status', 'Expected', 'Requests'].concat(view.before ? ['Before'] : []), rows, numbers: [2, 4, 5],
      alt: 'Answers by day: ' + all.map((g) => g.name).join('; '),
    };
  }

  function hours(shared, t, view, ink) {
    const cells = view.sum.hours, o = base(shared, 'hours', ink), most = Math.max(1, ...cells);
    o.xAxis[0].data = Array.from({ length: 24 }, (_, h) => String(h).padStart(2, '0'));
    o.yAxis[0].data = weekdays;
    o.yAxis[0].inverse = true;
    o.series[0].data = cells.map((n, i) => [i % 24, Math.floor(i / 24), n]).filter((c) => c[2] > 0);
    o.series[0].itemStyle = { borderColor: ink('--paper'), borderWidth: 1 };
    Object.assign(o.visualMap[0], { pieces: steps(most), inRange: { color: [ink('--heat0'), ink('--heat1')] }, textStyle: { color: ink('--ink') }, itemWidth: 14, itemHeight: 12 });
    if (t.window) o.series[0].markArea = { silent: true, itemStyle: { color: 'transparent', borderColor: ink('--c5'), borderWidth: 2, borderType: 'dashed' }, data: windows(t.window) };
    o.tooltip.formatter = (x) => `${weekdays[x.value[1]]} ${o.xAxis[0].data[x.value[0]]}:00\n${count(x.value[2])} downloads`;
    const rows = weekdays.map((name, w) => [name].concat(Array.from({ length: 24 }, (_, h) => (cells[w * 24 + h] ? count(cells[w * 24 + h]) : '·') + (t.window && t.window[w * 24 + h] === '1' ? '*' : ''))));
    return {
      option: o, heads: ['Day'].concat(o.xAxis[0].data), rows, numbers: Array.from({ length: 24 }, (_, h) => h + 1),
      alt: `Downloads by hour and weekday in ${t.zone}` + (t.window ? '; the dashed frame is the nightly window' : ''),
      note: `Hours in ${t.zone}.` + (t.window ? ' The dashed frame (in the table: *) is the nightly window.' : ' No nightly window is configured.'),
    };
  }

  // steps are up to five ranges of counts in round numbers.
  function steps(most) {
    const pieces = [];
    for (let low = 1, i = 0; low <= most && i < 5; i++) {
      const high = i === 4 ? most : Math.min(most, Math.max(low, Math.round(most * [0.05, 0.2, 0.45, 0.7][i])));
      pieces.push({ gte: low, lte: high, label: low === high ? count(low) : count(low) + '–' + count(high) });
      low = high + 1;
    }
    return pieces;
  }

  // windows are the frames around neighbouring hours that are in the window on Monday, as areas over all weekdays.
  function windows(marks) {
    const areas = [];
    for (let h = 0; h < 24; h++) {
      if (marks[h] !== '1') continue;
      const from = h;
      while (h < 23 && marks[h + 1] === '1') h++;
      areas.push([{ xAxis: from, yAxis: 0 }, { xAxis: h, yAxis: 6 }]);
    }
    return areas;
  }

  // base is the chart's option as the page brings it, in the page's colours.
  function base(shared, name, ink) {
    const o = JSON.parse(JSON.stringify(shared.options[name]));
    const text = { color: ink('--ink'), fontFamily: 'system-ui, sans-serif' };
    o.textStyle = text;
    o.backgroundColor = 'transparent';
    o.series = o.series || [];
    o.tooltip = { ...o.tooltip, renderMode: 'richText', confine: true, backgroundColor: ink('--paper'), borderColor: ink('--line'), textStyle: text };
    o.legend.textStyle = text;
    o.legend.inactiveColor = ink('--dim');
    for (const axis of [...o.xAxis, ...o.yAxis]) {
      axis.axisLabel = { color: ink('--dim'), hideOverlap: true };
      axis.axisLine = { lineStyle: { color: ink('--line') } };
      axis.splitLine = { show: axis.type === 'value', lineStyle: { color: ink('--line') } };
      axis.splitArea = { show: false };
    }
    o.aria = { enabled: false };
    return o;
  }

  return { make: { rolling, gaps, timeline, answers, hours }, count, size, gap, local, iso, share };
})();
