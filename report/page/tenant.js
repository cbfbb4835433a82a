// The texts and tables of a tenant's section that follow the selected days: sums, findings, lists.
'use strict';
const Tenant = (() => {
  const { count, size, share, change } = Words;

  const marks = { fail: ['✗', 'bad'], warn: ['!', 'warn'], 'no-data': ['!', 'warn'], pass: ['✓', 'good'] };

  function setVerdict(element, verdict) {
    const text = marks[verdict][0] + ' ' + verdict;
    if (element.textContent === text) return;
    element.textContent = text;
    element.classList.remove('bad', 'warn', 'good');
    element.classList.add(marks[verdict][1]);
  }

  // gapAt is where a share of the gaps ends: exactly where the audit knows it, else between two edges of the histogram.
  function gapAt(shared, t, sum, part, exact) {
    if (sum.whole) return Words.gap(exact);
    const i = Sums.bucketAt(sum, part);
    return i < 0 ? Words.none : Words.bucket(shared.edgeNames, i);
  }

  // facts is the table of what the range adds up to, beside the period before.
  function facts(shared, t, view) {
    const { sum: s, before: b } = view;
    const line = (key, name, now, value) => [key, name, now(s), ...(b ? [now(b), value ? change(value(s), value(b)) : ''] : [])];
    const sized = (n) => size(n) + (t.cap > 0 ? `\n${share(n, t.cap)} of the cap` : '');
    const lines = [
      line('requests', 'Requests', (x) => count(x.requests), (x) => x.requests),
      line('paced', 'Downloads of recordings', (x) => count(x.paced), (x) => x.paced),
      line('bytes', 'Recording audio', (x) => size(x.bytes), (x) => x.bytes),
      line('wasted', 'of it downloaded again', (x) => size(x.wasted), (x) => x.wasted),
      line('peak', `Largest in ${shared.window}`, (x) => sized(x.peak), (x) => x.peak),
      line('peakAt', 'reached', (x) => (x.peakAt ? Words.local(t, x.peakAt).replace(' (', '\n(') : Words.none)),
      line('violations', 'Gaps under the limit', (x) => count(x.violations), (x) => x.violations),
      line('unclear', 'Gaps that cannot be decided', (x) => count(x.unclear), (x) => x.unclear),
      line('least', 'Shortest gap', (x) => Words.gap(x.least)),
      line('p50', 'Half of the gaps up to', (x) => gapAt(shared, t, x, 0.5, t.p50)),
      line('p95', '95% of the gaps up to', (x) => gapAt(shared, t, x, 0.95, t.p95)),
    ];
    const table = Tables.table('In the selected days', ['', 'Selected'].concat(b ? ['Before', 'Change'] : []), lines.map((l) => l.slice(1)), [1, 2, 3]);
    [...table.tBodies[0].rows].forEach((r, i) => {
      const key = lines[i][0];
      r.dataset.k = key;
      r.cells[1].dataset.exact = key in s ? String(s[key]) : '';
      if (b) r.cells[2].dataset.exact = key in b ? String(b[key]) : '';
    });
    table.dataset.k = 'facts';
    return table;
  }

  // detail says when a rule fired in the range.
  function detail(shared, when) {
    const day = (d) => Words.iso(shared.from + d), first = when[0], last = when.at(-1);
    const sum = when.reduce((n, d) => n + d[1], 0);
    if (when.length === 1) return `${count(sum)} on ${day(first[0])}.`;
    const most = when.reduce((a, b) => (b[1] > a[1] ? b : a));
    return `${count(sum)} on ${count(when.length)} days, ${day(first[0])} to ${day(last[0])}; most on ${day(most[0])}: ${count(most[1])}.`;
  }

  // article makes the place of a rule that the audit of now has nothing of.
  function article(shared, i, weight) {
    const box = document.createElement('article'), head = document.createElement('h4'), mark = document.createElement('span');
    const tone = { violation: 'bad', warning: 'warn' }[weight] || '', sign = { violation: '✗', warning: '!' }[weight] || 'i';
    box.className = `finding ${tone}-edge`;
    box.dataset.rule = shared.rules[i];
    mark.className = tone;
    mark.textContent = `${sign} ${weight}`;
    const n = document.createElement('span');
    n.dataset.k = 'count';
    head.append(mark, ` ${shared.rules[i]} ×`, n);
    const words = document.createElement('div');
    words.className = 'detail';
    words.append(document.createElement('p'));
    box.append(head, words);
    if (shared.advice[i]) {
      const advice = document.createElement('p');
      advice.textContent = 'Do: ' + shared.advice[i];
      box.append(advice);
    }
    return box;
  }

  // findings shows those of the range. What the audit said of now is hidden where the range is another, and the days on
  // which the rule fired are told instead.
  function findings(section, shared, view) {
    const { sum: s, before: b } = view;
    const articles = new Map([...section.querySelectorAll('article.finding')].map((a) => [a.dataset.rule, a]));
    s.rules.forEach((n, i) => {
      if (n <= 0 || articles.has(shared.rules[i])) return;
      const a = article(shared, i, s.weights[i]);
      section.querySelector('.none-here').before(a);
      articles.set(shared.rules[i], a);
    });
    let any = false;
    for (const [rule, a] of articles) {
      const i = shared.index[rule], n = s.rules[i], words = a.querySelector('.detail p');
      a.hidden = n <= 0;
      any = any || n > 0;
      a.querySelector('[data-k="count"]').textContent = count(n) + (b ? ` (before: ${count(b.rules[i])})` : '');
      for (const w of a.querySelectorAll('.whole')) w.hidden = !s.whole;
      if (words.dataset.now === undefined) words.dataset.now = words.textContent;
      if (s.whole) words.textContent = words.dataset.now;
      else if (s.when[i].length > 0) words.textContent = detail(shared, s.when[i]);
    }
    const none = section.querySelector('.no-findings');
    if (none) none.hidden = any || !s.whole;
    section.querySelector('.none-here').hidden = any || s.whole && none !== null;
  }

  // incidents shows those that reach into the range, and their lines on a card.
  function incidents(section, shared, { sum, from, to }) {
    for (const e of section.querySelectorAll('[data-from]')) {
      e.hidden = !sum.whole && (Number(e.dataset.to) < shared.from + from || Number(e.dataset.from) > shared.from + to);
    }
  }

  // keyed puts the recordings' keys beside the rows of a list.
  const keyed = (rows, keys) => rows.map((r, i) => [r, keys[i] || Words.none]);

  // pairs are the numbers of a flat list, two by two.
  const pairs = (flat) => flat.flatMap((v, i) => (i % 2 ? [] : [[v, flat[i + 1]]]));

  const lists = {
    big: (t, inside, when) => ({
      caption: 'The largest answers of all days, those in the selected days', heads: ['Row', 'Recording', 'Started', 'Size', 'Status'], numbers: [3, 4],
      rows: keyed(t.big, t.bigKeys).filter(([r]) => inside(r[1])).map(([r, key]) => [String(r[0]), key, when(r[1]), size(r[2]), Words.status(r[3])]),
      empty: 'None of the largest recordings was downloaded in these days.',
    }),
    rep: (t, inside, when) => ({
      caption: 'Recordings downloaded completely more than once, those last downloaded in the selected days', heads: ['First row', 'Recording', 'Started', 'Last row', 'Started', 'Downloads', 'Wasted'], numbers: [5, 6],
      rows: keyed(t.rep, t.repKeys).filter(([r]) => inside(r[3])).map(([r, key]) => [String(r[0]), key, when(r[1]), String(r[2]), when(r[3]), count(r[4]), size(r[5])]),
      empty: 'No recording was downloaded completely more than once.',
    }),
    from: (t, inside, when, { span, origins }) => ({
      caption: `Of all days; ${count(span + 1 - t.day.length)} of ${count(span + 1)} days have no request of this tenant`, heads: ['Kind', 'Source', 'Client', 'Clock', 'Requests'], numbers: [4],
      rows: pairs(t.from).map(([k, n]) => [origins[k], n]).map(([o, n]) => [o.k || 'unknown', o.s || Words.none, o.c || Words.none, o.r ? '± ' + o.r + ' s' : 'exact', count(n)]),
      empty: 'Nothing was captured.',
    }),
  };

  // list fills one of the tables below the charts.
  function list(shared, t, name, range, box) {
    const inside = (at) => at >= (shared.from + range.from) * 86400 && at < (shared.from + range.to + 1) * 86400;
    const l = lists[name](t, inside, (at) => Words.local(t, at, true), { span: shared.to - shared.from, origins: shared.origins });
    if (l.rows.length > 0) {
      box.replaceChildren(Tables.table(l.caption, l.heads, l.rows, l.numbers));
      return;
    }
    const p = document.createElement('p');
    p.className = 'dim';
    p.textContent = l.empty;
    box.replaceChildren(p);
  }

  // use makes one of the tables of how much of the API was used.
  function use({ t: title, h: heads, r: rows }) {
    const box = document.createElement('details'), summary = document.createElement('summary'), cells = document.createElement('div');
    box.className = 'list';
    summary.textContent = 'Use ' + title;
    cells.className = 'cells';
    cells.append(Tables.table('', heads, rows, heads.map((_, i) => i).slice(1)));
    box.append(summary, cells);
    return box;
  }

  return { marks, setVerdict, facts, findings, incidents, list, use };
})();
