// Charts and their tables. Each kind has the data of its chart, its legend and the rows of its table made from the same
// numbers; where there is nothing to draw, it says so in words.
'use strict';
const Charts = (() => {
  const { count, size, share, percent, iso, bucket, status } = Words;
  const weekdays = ['Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat', 'Sun'];

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

  // ceiling is a round number at or above v.
  function ceiling(v) {
    const power = 10 ** Math.floor(Math.log10(v));
    return [1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10].find((x) => x * power >= v) * power;
  }

  const beside = (n, cap) => size(n) + (cap > 0 ? ', ' + share(n, cap) : '');

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
    o.xAxis[0].data = labels;
    o.yAxis[0].name = 'bytes in ' + shared.window;
    o.yAxis[0].axisLabel.formatter = Words.plainSize;
    o.yAxis[0].max = (v) => ceiling(Math.max(1, v.max, t.cap > 0 ? t.cap * 1.04 : 0));
    const marks = t.cap > 0 ? [mark({ yAxis: t.cap }, 'cap ' + size(t.cap), ink, 'insideEndTop')] : [];
    if (ahead.length) marks.push({ xAxis: list.length - 1, lineStyle: { color: ink('--dim'), type: 'dotted', width: 1 }, label: { formatter: 'now', color: ink('--dim'), position: 'end' } });
    const resets = t.resets.map((at) => Math.floor(at / 86400) - shared.from).filter((d) => d >= view.from && d <= view.to);
    for (const d of resets) marks.push({ xAxis: d - view.from, lineStyle: { color: ink('--ink'), type: 'dashed', width: 1.5 }, label: { formatter: 'reset', color: ink('--ink'), position: 'insideStartTop' } });
    o.series[0].markLine = marked(marks);
    o.tooltip.formatter = (all) => {
      const i = all[0].dataIndex, lines = [labels[i]];
      if (i < list.length) lines.push(past[i] === null ? 'no requests' : beside(past[i], t.cap));
      else lines.push('median ' + size(ahead[i - list.length][3]), '80%: ' + size(ahead[i - list.length][1]) + ' to ' + size(ahead[i - list.length][5]));
      return lines.join('\n');
    };
    const rows = list.filter((d) => at.has(d)).map((d) => {
      const k = at.get(d);
      return [iso(shared.from + d) + (resets.includes(d) ? ' (reset)' : ''), size(t.peak[k]), share(t.peak[k], t.cap) || Words.none, size(t.bytes[k]), count(t.req[k])];
    });
    for (const r of ahead) rows.push([new Date(r[0] * 1000).toISOString().slice(0, 10) + ' (forecast)', size(r[3]), share(r[3], t.cap) || Words.none, size(r[1]) + ' to ' + size(r[5]), Words.none]);
    const legend = [{ name: 'largest sum of the day', color: ink('--c1'), look: 'line' }];
    if (ahead.length) {
      legend.push({ name: 'forecast, median', color: ink('--c5'), look: 'dashed' }, { name: '50% of the cases', color: ink('--c5'), opacity: 0.5 }, { name: '80%', color: ink('--c5'), opacity: 0.22 });
    }
    if (t.cap > 0) legend.push({ name: 'cap', color: ink('--c3'), look: 'line' });
    if (resets.length) legend.push({ name: 'reset by support', color: ink('--ink'), look: 'dashed' });
    return {
      option: o, legend, heads: ['Day (UTC)', 'Largest sum', 'Of the cap', 'Audio (forecast: 80% of cases)', 'Requests'], rows, numbers: [1, 2, 3, 4],
      note: `The bytes of recordings in the ${shared.window} that end at a request; of each UTC day the largest. The vendor refuses further ones at the cap.`,
      alt: `Rolling sum by day; largest ${beside(view.sum.peak, t.cap)}`, empty: past.some((v) => v > 0) || ahead.some((r) => r[5] > 0) ? '' : 'No recording audio in these days.',
    };
  }

  function mark(data, label, ink, position) {
    return { ...data, lineStyle: { color: ink('--c3'), type: 'solid', width: 2 }, label: { formatter: label, color: ink('--bad'), position, fontWeight: 'bold', backgroundColor: ink('--paper'), padding: [1, 3] } };
  }

  const marked = (data) => ({ silent: true, symbol: 'none', data });

  function gaps(shared, t, view, ink) {
    const edges = shared.edges, names = shared.edgeNames, buckets = view.sum.buckets, o = base(shared, 'gaps', ink);
    const limit = edges.findIndex((e) => e >= shared.limit - 1e-9) + 1;
    o.xAxis[0].data = buckets.map((_, i) => bucket(names, i));
    o.xAxis[0].axisLabel.show = false;
    o.xAxis[0].axisTick = { show: false };
    // The bars stand on categories; a second axis, of numbers, writes the lengths where two bars meet and carries the mark.
    o.xAxis.push({
      type: 'value', position: 'bottom', min: 0, max: buckets.length, interval: 1, splitLine: { show: false }, axisLine: o.xAxis[0].axisLine, axisTick: { show: true, lineStyle: { color: ink('--line') } },
      axisLabel: { ...o.xAxis[0].axisLabel, show: true, formatter: (v) => (v === 0 ? '0' : v > edges.length ? '' : names[v - 1].replace(' s', '')) },
    });
    o.series[0].data = buckets.map((n, i) => (i < limit ? n : null));
    o.series[1].data = buckets.map((n, i) => (i < limit ? null : n));
    o.series[0].itemStyle = hatched(ink('--c3'), ink);
    o.series[1].itemStyle = { color: ink('--c1') };
    o.series.push({ type: 'line', name: 'limit', xAxisIndex: 1, data: [], markLine: marked([mark({ xAxis: limit }, 'limit ' + shared.limitName, ink, 'insideEndTop')]) });
    o.tooltip.formatter = (all) => bucket(names, all[0].dataIndex) + '\n' + count(buckets[all[0].dataIndex]) + ' gaps';
    const rows = buckets.map((n, i) => [bucket(names, i), count(n), view.sum.gaps ? percent(n / view.sum.gaps, 1) : Words.none, i < limit ? 'under' : 'at or above']);
    return {
      option: o, legend: [{ name: 'under the limit', color: ink('--c3'), look: 'hatched' }, { name: 'at the limit or above', color: ink('--c1') }],
      heads: ['Gap', 'Gaps', 'Share', 'The limit'], rows, numbers: [1, 2], note: 'How many seconds lay between the starts of two downloads. Steps are uneven.',
      alt: `${count(view.sum.gaps)} gaps, ${count(view.sum.violations)} of them violations, ${count(view.sum.unclear)} indeterminate`,
      empty: view.sum.gaps > 0 ? '' : 'No two downloads in these days, so no gap between them.',
    };
  }

  const angles = [-1, 1, 0, 2];
  // hatched makes stripes; the turn tells several of one colour apart.
  const hatched = (color, ink, turn = 0) => ({ color, decal: { symbol: 'rect', dashArrayX: [1, 0], dashArrayY: [2, 4], rotation: angles[turn % 4] * Math.PI / 4, color: ink('--paper') } });

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
    const legend = [{ name: 'violations', color: ink('--c3') }];
    if (view.sum.unclear > 0) legend.push({ name: 'indeterminate', color: ink('--c2'), look: 'hatched' });
    return {
      option: o, legend, heads: ['Day (UTC)', 'Downloads', 'Violations', 'Indeterminate'], rows, numbers: [1, 2, 3], note: `Downloads that began less than ${shared.limitName} after the one before, by UTC day.`, alt: `${count(view.sum.violations)} violations by day`,
      empty: view.sum.violations + view.sum.unclear > 0 ? '' : view.sum.gaps > 0 ? `✓ No gap under ${shared.limitName} in these days.` : 'No two downloads in these days, so no gap between them.',
    };
  }

  // groups puts kinds of answers together that look alike in the chart: those of one status, expected or not.
  function groups(t) {
    const found = new Map();
    t.kinds.forEach((k, i) => {
      const name = status(k.s) + (k.e ? '' : ', unexpected');
      if (!found.has(name)) found.set(name, { name, status: k.s, expected: k.e, kinds: [] });
      found.get(name).kinds.push(i);
    });
    return [...found.values()].sort((a, b) => a.status - b.status || b.expected - a.expected);
  }

  // looks gives each group a look of its own: served ones blue and green, refused ones in warm plain colours, unexpected
  // ones in red stripes.
  function looks(all, ink) {
    const next = { good: 0, refused: 0, odd: 0 };
    const good = ['--c5', '--c8'], refused = ['--c4', '--c6', '--c7', '--c9'];
    for (const g of all) {
      if (!g.expected) Object.assign(g, { color: ink('--c3'), look: 'hatched', turn: next.odd++ });
      else if (g.status >= 400 || g.status === 0) g.color = ink(refused[next.refused++ % 4]);
      else g.color = ink(g.status === 200 ? '--c1' : good[next.good++ % 2]);
    }
  }

  function answers(shared, t, view, ink) {
    const list = days(view), at = byDay(t), o = base(shared, 'answers', ink);
    o.xAxis[0].data = list.map((d) => iso(shared.from + d));
    const all = groups(t);
    looks(all, ink);
    o.series = all.map((g) => ({
      type: 'bar', stack: 'day', name: g.name, itemStyle: g.look ? hatched(g.color, ink, g.turn) : { color: g.color }, data: list.map((d) => {
        if (!at.has(d)) return 0;
        const flat = t.ans[at.get(d)];
        let n = 0;
        for (let i = 0; i < flat.length; i += 2) if (g.kinds.includes(flat[i])) n += flat[i + 1];
        return n;
      }),
    }));
    o.yAxis[0].minInterval = 1;
    o.yAxis[0].axisLabel.formatter = count;
    o.tooltip.formatter = (items) => [o.xAxis[0].data[items[0].dataIndex]].concat(items.filter((x) => x.value > 0).map((x) => `${x.seriesName}: ${count(x.value)}`)).join('\n');
    const rows = t.kinds.map((k, i) => [k.m, k.c, status(k.s), k.e ? 'yes' : '! no', count(view.sum.answers[i]), view.before ? count(view.before.answers[i]) : null])
      .filter((r) => r[4] !== '0' || r[5] && r[5] !== '0').map((r) => (view.before ? r : r.slice(0, 5)));
    rows.sort((a, b) => (a.slice(0, 3).join(' ') < b.slice(0, 3).join(' ') ? -1 : 1));
    const seen = all.filter((g) => g.kinds.some((i) => view.sum.answers[i] > 0));
    return {
      option: o, legend: seen, heads: ['Method', 'Class', 'Status', 'Expected', 'Requests'].concat(view.before ? ['Before'] : []), rows, numbers: [2, 4, 5], note: 'Requests of every kind by the status that answered them. Red stripes: the vendor does not list it.',
      alt: 'Answers by day: ' + seen.map((g) => g.name).join('; '), empty: view.sum.requests > 0 ? '' : 'No requests in these days.',
    };
  }

  function hours(shared, t, view, ink) {
    const cells = view.sum.hours, o = base(shared, 'hours', ink), most = Math.max(1, ...cells), pieces = steps(most);
    o.xAxis[0].data = Array.from({ length: 24 }, (_, h) => String(h).padStart(2, '0'));
    o.yAxis[0].data = weekdays;
    o.yAxis[0].inverse = true;
    o.series[0].data = cells.map((n, i) => [i % 24, Math.floor(i / 24), n]);
    o.series[0].itemStyle = { borderColor: ink('--paper'), borderWidth: 1 };
    pieces.forEach((p, i) => { p.color = mix(ink('--heat0'), ink('--heat1'), pieces.length > 1 ? i / (pieces.length - 1) : 1); });
    Object.assign(o.visualMap[0], { show: false, seriesIndex: 0, pieces: [{ value: 0, color: ink('--panel') }, ...pieces] });
    if (t.window) frame(o, windows(t.window), ink('--c5'));
    o.tooltip.formatter = (x) => `${weekdays[x.value[1]]} ${o.xAxis[0].data[x.value[0]]}:00\n${count(x.value[2])} downloads`;
    const rows = weekdays.map((name, w) => [name].concat(Array.from({ length: 24 }, (_, h) => (cells[w * 24 + h] ? count(cells[w * 24 + h]) : '·') + (t.window && t.window[w * 24 + h] === '1' ? '*' : ''))));
    const legend = pieces.map((p) => ({ name: p.label, color: p.color }));
    if (t.window) legend.push({ name: 'nightly window', color: ink('--c5'), look: 'frame' });
    return {
      option: o, legend, heads: ['Day'].concat(o.xAxis[0].data), rows, numbers: Array.from({ length: 24 }, (_, h) => h + 1),
      alt: `Downloads by hour and weekday in ${t.zone}` + (t.window ? '; the dashed frame is the nightly window' : ''),
      note: `Hours in ${t.zone}. ` + (t.window ? 'In the table, * marks the nightly window.' : 'No nightly window is configured.'),
      empty: cells.some((n) => n > 0) ? '' : 'No downloads in these days.',
    };
  }

  // frame draws areas over the cells. Their edges lie between two cells, where an axis of categories has no place.
  function frame(o, areas, color) {
    o.xAxis.push({ type: 'value', min: 0, max: 24, show: false });
    o.yAxis.push({ type: 'value', min: 0, max: 7, inverse: true, show: false });
    o.series.push({ type: 'line', xAxisIndex: 1, yAxisIndex: 1, data: [], markArea: { z: 5, silent: true, itemStyle: { color: 'transparent', borderColor: color, borderWidth: 2, borderType: 'dashed' }, data: areas } });
  }

  // mix is a colour between two, both written #rrggbb.
  function mix(a, b, part) {
    const of = (c, i) => parseInt(c.slice(1 + 2 * i, 3 + 2 * i), 16);
    return '#' + [0, 1, 2].map((i) => Math.round(of(a, i) + (of(b, i) - of(a, i)) * part).toString(16).padStart(2, '0')).join('');
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
      areas.push([{ xAxis: from, yAxis: 0 }, { xAxis: h + 1, yAxis: 7 }]);
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
    delete o.legend; // written beside the chart
    delete o.aria;
    o.tooltip = { ...o.tooltip, renderMode: 'richText', confine: true, backgroundColor: ink('--paper'), borderColor: ink('--line'), textStyle: text };
    for (const axis of [...o.xAxis, ...o.yAxis]) {
      axis.axisLabel = { color: ink('--dim'), hideOverlap: true };
      axis.axisLine = { lineStyle: { color: ink('--line') } };
      axis.axisTick = { lineStyle: { color: ink('--line') } };
      axis.splitLine = { show: axis.type === 'value', lineStyle: { color: ink('--grid') } };
      axis.splitArea = { show: false };
      axis.nameTextStyle = { color: ink('--dim'), align: 'left', padding: [0, 0, 0, -30] };
    }
    return o;
  }

  return { make: { rolling, gaps, timeline, answers, hours } };
})();
