// The page: reads the filter, keeps it in the address's fragment, and shows sums, charts and tables of what it selects.
// Text is set as text; nothing is made markup.
'use strict';
(() => {
  const $ = (id) => document.getElementById(id);
  const shared = JSON.parse($('data').textContent);
  shared.index = Object.fromEntries(shared.rules.map((name, i) => [name, i]));
  const span = shared.to - shared.from;
  const question = $('question').textContent, answer = $('answer').textContent, dense = document.querySelector('#overview.dense') !== null;
  const whole = { from: shared.start, to: span, name: '', verdict: '', only: -1, compare: false, sort: '', passing: false };
  let state = { ...whole };
  const left = history.state || {}; // what the reader had open and in view before a live page was loaded again
  const opened = new Set(left.open);

  const tenants = [...document.querySelectorAll('section.tenant')].map((section, i) => ({
    i, section, slot: section.querySelector('.slot'), row: document.querySelector(`#overview tr[data-i="${i}"]`),
    name: document.querySelector(`#overview tr[data-i="${i}"] a`).textContent, charts: new Map(), stale: true, shown: true, place: i,
    more: section.querySelector('details.more'), // holds the rest of a tenant among many; null among few
  }));

  // data reads a tenant's days when they are first needed: there may be hundreds of tenants.
  function data(tenant) {
    tenant.data ??= Sums.read($('d' + tenant.i).textContent);
    return tenant.data;
  }

  // ---- the fragment

  const dayOf = (text) => {
    const ms = /^\d{4}-\d\d-\d\d$/.test(text || '') ? Date.parse(text + 'T00:00:00Z') : NaN;
    return Number.isNaN(ms) ? NaN : ms / 86400e3 - shared.from;
  };
  const clamp = (day, otherwise) => (Number.isNaN(day) ? otherwise : Math.min(span, Math.max(0, day)));

  function readFragment() {
    const p = new URLSearchParams(location.hash.slice(1));
    const s = { ...whole };
    s.from = clamp(dayOf(p.get('from')), shared.start);
    s.to = Math.max(s.from, clamp(dayOf(p.get('to')), span));
    s.name = p.get('name') || '';
    s.verdict = Tenant.marks[p.get('verdict')] ? p.get('verdict') : '';
    s.compare = p.get('compare') === '1';
    s.only = tenants.findIndex((t) => t.name === p.get('tenant'));
    s.sort = document.querySelector(`#overview th[data-s="${CSS.escape((p.get('sort') || '').replace('-', ''))}"]`) ? p.get('sort') : '';
    s.passing = p.get('passing') === '1';
    return s;
  }

  function writeFragment() {
    const p = new URLSearchParams();
    if (state.from !== shared.start) p.set('from', Words.iso(shared.from + state.from));
    if (state.to !== span) p.set('to', Words.iso(shared.from + state.to));
    if (state.name) p.set('name', state.name);
    if (state.verdict) p.set('verdict', state.verdict);
    if (state.only >= 0) p.set('tenant', tenants[state.only].name);
    if (state.compare) p.set('compare', '1');
    if (state.sort) p.set('sort', state.sort);
    if (state.passing) p.set('passing', '1');
    history.replaceState(null, '', '#' + p);
  }

  // ---- what is selected

  // before is the period of the same length just before the selected one; null where the data does not reach back.
  function before() {
    const length = state.to - state.from + 1;
    return state.compare && state.from - 1 >= 0 ? { from: state.from - length, to: state.from - 1 } : null;
  }

  const isNow = () => state.from === shared.start && state.to === span;

  function apply() {
    writeFragment();
    const prior = before(), plain = isNow() && !prior;
    for (const t of tenants) {
      const period = `${state.from} ${state.to} ${prior !== null}`;
      if (t.period !== period) {
        t.period = period;
        t.view = null;
        t.stale = true;
        // The rows of now are in the file already; days are only read where something else is asked for.
        if (!plain || t.changed) {
          t.changed = true;
          Fleet.fillRow(t, look(t), t.data.cap);
          Tenant.setVerdict(t.section.querySelector('h2 [data-k="verdict"]'), verdict(t));
          Tenant.incidents(t.section, shared, look(t));
        }
      }
    }
    const searching = state.name !== '' || state.verdict !== '' || state.only >= 0, needed = tenants.some((t) => verdict(t) !== 'pass'), folded = dense && needed && !searching && !state.passing;
    let passing = 0;
    for (const t of tenants) {
      t.shown = (state.only < 0 || state.only === t.i) && (!state.verdict || verdict(t) === state.verdict) && t.name.toLowerCase().includes(state.name.toLowerCase());
      const passes = verdict(t) === 'pass';
      if (t.shown && passes) passing++;
      t.row.hidden = !t.shown || folded && passes;
      t.card = t.shown && (!dense || !passes || t.asked || state.only === t.i);
      t.section.hidden = !t.card;
      if (state.only === t.i && t.more) t.more.open = true;
    }
    if (fold) fold(folded, searching || !needed ? 0 : passing);
    order(isNow());
    tell(prior);
    schedule();
  }

  // look is what a tenant's days add up to in the selected range, and in the period before.
  function look(t) {
    if (!t.view) {
      const d = data(t), prior = before();
      t.view = { from: state.from, to: state.to, sum: Sums.of(shared, d, state.from, state.to) };
      t.view.before = prior ? Sums.of(shared, d, prior.from, prior.to) : null;
    }
    return t.view;
  }

  const verdict = (t) => (t.changed ? look(t).sum.verdict : t.row.dataset.verdict);

  function order(now) {
    const sorted = state.sort === '' && now ? tenants : Fleet.sorted(tenants, state.sort, verdict);
    Fleet.markHead(state.sort);
    if (sorted.every((t, k) => t.place === k)) return;
    sorted.forEach((t, k) => { t.place = k; });
    tenants[0]?.row.parentNode.append(...sorted.map((t) => t.row));
  }

  function tell(prior) {
    const shown = tenants.filter((t) => t.shown).length, length = state.to - state.from + 1;
    let text = `Showing ${shown} of ${tenants.length} ${tenants.length === 1 ? 'tenant' : 'tenants'}, ${Words.iso(shared.from + state.from)} to ${Words.iso(shared.from + state.to)} (${length} ${length === 1 ? 'day' : 'days'}).`;
    const n = Fleet.tally(tenants.filter((t) => t.shown), verdict), days = `${Words.iso(shared.from + state.from)} to ${Words.iso(shared.from + state.to)}`;
    text += ` ${isNow() && !shared.range ? 'Now' : 'In these days'}: ${n.fail} fail, ${n.warn} warn, ${n.pass} pass${n['no-data'] ? `, ${n['no-data']} without data` : ''}.`;
    $('answer').textContent = isNow() ? answer : Fleet.answer(Fleet.tally(tenants, verdict), tenants.length === 1 ? tenants[0].name : '');
    $('question').textContent = isNow() ? question : `${Fleet.subject(tenants.map((x) => x.name), true)} within the limits from ${days}?`;
    if (prior) text += ` Before: ${Words.iso(shared.from + prior.from)} to ${Words.iso(shared.from + prior.to)}${prior.from < 0 ? ', of which the log does not hold all days' : ''}.`;
    else if (state.compare) text += ' There is no earlier period to compare with: choose a later first day.';
    $('status').textContent = text;
    $('from').value = Words.iso(shared.from + state.from);
    $('to').value = Words.iso(shared.from + state.to);
    if ($('name').value !== state.name) $('name').value = state.name;
    $('verdict').value = state.verdict;
    $('compare').checked = state.compare;
    for (const b of document.querySelectorAll('[data-days]')) {
      const n = Number(b.dataset.days);
      b.setAttribute('aria-pressed', String(pressed(n, length)));
    }
    for (const a of document.querySelectorAll('a.only')) a.textContent = state.only >= 0 ? 'Show all tenants' : 'Show this tenant only';
  }

  // pressed says whether a preset is the selected range.
  function pressed(days, length) {
    if (days < 0 || isNow()) return days < 0 && isNow();
    return length === (days || span + 1) && state.to === span;
  }

  // ---- a tenant's section, filled when it comes near the screen

  const near = new Set();
  const watcher = new IntersectionObserver((entries) => {
    for (const e of entries) {
      const t = tenants[Number(e.target.dataset.i)];
      if (e.isIntersecting) near.add(t);
      else near.delete(t);
    }
    schedule();
  }, { rootMargin: '300px' });

  let waiting = false;
  function schedule() {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      for (const t of near) if (t.card && isOpen(t)) fill(t);
    });
  }

  const isOpen = (t) => !t.more || t.more.open;

  function fill(t) {
    if (!t.stale) return;
    t.stale = false;
    if (!t.slot.firstChild) build(t);
    t.section.querySelector('.facts').replaceChildren(Tenant.facts(shared, data(t), look(t)));
    Tenant.findings(t.section, shared, look(t));
    for (const figure of t.slot.querySelectorAll('figure')) chart(t, figure);
    for (const list of t.slot.querySelectorAll('details.list')) if (list.open) lists(t, list);
    t.section.dataset.period = t.period;
  }

  function build(t) {
    t.slot.append($('figures').content.cloneNode(true));
    t.section.querySelector('.usage')?.append(...(data(t).use || []).map(Tenant.use));
    // Wide tables scroll, with the keyboard too; the template says so of those that need no script.
    for (const box of t.section.querySelectorAll('.slot .cells, .usage .cells, .facts')) {
      box.tabIndex = 0;
      box.setAttribute('role', 'region');
      box.setAttribute('aria-label', `${box.className === 'facts' ? 'Sums' : box.parentNode.firstChild.textContent}, ${t.name}`);
    }
    for (const figure of t.slot.querySelectorAll('figure')) {
      figure.querySelector('details').addEventListener('toggle', () => cells(t, figure));
      drawn.observe(figure);
    }
    for (const list of t.slot.querySelectorAll('details.list')) list.addEventListener('toggle', () => lists(t, list));
    for (const d of t.section.querySelectorAll('details')) if (opened.delete(place(t, d))) d.open = true;
  }

  const place = (t, details) => `${t.name} ${details === t.more ? 'more' : details.closest('.earlier, .usage') ? details.querySelector('summary').textContent : details.dataset.list || details.closest('figure').dataset.chart}`;

  // leave notes what is open and in view, for the page that comes after this one.
  function leave() {
    const open = [...opened];
    for (const t of tenants) for (const d of t.section.querySelectorAll('details[open]')) open.push(place(t, d));
    const t = tenants.find((x) => x.card && x.section.getBoundingClientRect().bottom > 0);
    const top = t ? t.section.getBoundingClientRect().top : 1;
    history.replaceState({ open, name: top < 0 ? t.name : null, top, y: scrollY }, '', location.hash);
  }

  // comeBack scrolls to where the reader was. Sections get their height only when they come near the screen, so that it takes
  // some frames until the place is found for good.
  function comeBack() {
    if (left.y === undefined) return;
    history.scrollRestoration = 'manual';
    const t = tenants.find((x) => x.name === left.name);
    if (!t || !t.card) {
      scrollTo(0, left.y);
      return;
    }
    if (isOpen(t)) fill(t);
    let frames = 20;
    const settle = () => {
      scrollBy({ top: t.section.getBoundingClientRect().top - left.top, behavior: 'instant' });
      if (frames-- > 0) requestAnimationFrame(settle);
    };
    settle();
  }

  // ---- charts, drawn when they come near the screen

  const css = () => {
    const style = getComputedStyle(document.documentElement);
    return (name) => style.getPropertyValue(name).trim();
  };
  let ink = css();

  const visible = new Set();
  const drawn = new IntersectionObserver((entries) => {
    for (const e of entries) {
      const t = tenants[Number(e.target.closest('section').dataset.i)];
      if (e.isIntersecting) {
        visible.add(e.target);
        chart(t, e.target);
      } else visible.delete(e.target);
    }
  }, { rootMargin: '200px' });

  function made(t, figure) {
    return Charts.make[figure.dataset.chart](shared, data(t), look(t), ink);
  }

  function chart(t, figure, always) {
    if (!always && !visible.has(figure)) {
      cells(t, figure);
      return;
    }
    const c = made(t, figure), box = figure.querySelector('.chart');
    figure.classList.toggle('nothing', c.empty !== '');
    figure.querySelector('.empty').textContent = c.empty;
    figure.querySelector('.note').textContent = c.note || '';
    Legends.fill(figure.querySelector('.legend'), c.empty ? [] : c.legend);
    if (!c.empty) draw(t, figure, box, c);
    cells(t, figure, c);
  }

  function draw(t, figure, box, c) {
    let e = t.charts.get(figure);
    if (!e) {
      e = echarts.init(box, null, { renderer: 'svg' });
      t.charts.set(figure, e);
    }
    box.setAttribute('role', 'img');
    box.setAttribute('aria-label', c.alt);
    e.setOption(c.option, { notMerge: true });
    if (!printing) e.resize(); // it may have been hidden when the window changed
  }

  function cells(t, figure, c) {
    const details = figure.querySelector('details');
    if (!details.open) return;
    c = c || made(t, figure);
    details.querySelector('.cells').replaceChildren(Tables.table(c.alt, c.heads, c.rows, c.numbers));
  }

  function lists(t, list) {
    if (list.open) Tenant.list(shared, data(t), list.dataset.list, state, list.querySelector('.cells'));
  }

  // ---- what the reader does

  function change(part) {
    state = { ...state, ...part };
    apply();
  }

  $('from').addEventListener('change', () => {
    const day = clamp(dayOf($('from').value), state.from);
    change({ from: day, to: Math.max(day, state.to) });
  });
  $('to').addEventListener('change', () => {
    const day = clamp(dayOf($('to').value), state.to);
    change({ to: day, from: Math.min(day, state.from) });
  });
  $('name').addEventListener('input', () => change({ name: $('name').value, only: -1 }));
  $('verdict').addEventListener('change', () => change({ verdict: $('verdict').value, only: -1 }));
  $('compare').addEventListener('change', () => change({ compare: $('compare').checked }));
  $('filter').addEventListener('submit', (e) => e.preventDefault());
  for (const b of document.querySelectorAll('[data-days]')) {
    b.addEventListener('click', () => {
      const n = Number(b.dataset.days);
      change({ from: n < 0 ? shared.start : n === 0 ? 0 : Math.max(0, span - n + 1), to: span });
    });
  }
  document.addEventListener('click', (e) => {
    const a = e.target.closest('a[href^="#"]');
    if (!a) return;
    e.preventDefault(); // the fragment holds the selection, not a place
    const target = $(a.getAttribute('href').slice(1)), section = target.closest('.tenant'), t = section ? tenants[Number(section.dataset.i)] : null;
    if (t?.more) {
      t.asked = true;
      t.more.open = true;
      apply();
    }
    if (a.classList.contains('only')) {
      const i = Number(target.dataset.i);
      change({ only: state.only === i ? -1 : i });
    }
    target.scrollIntoView();
    (target.querySelector('h2[tabindex], h3[tabindex]') || target).focus({ preventScroll: true });
  });
  window.addEventListener('hashchange', () => { state = readFragment(); apply(); });

  // ---- other looks: theme, width, paper

  function redraw() {
    ink = css();
    for (const t of tenants) for (const figure of t.charts.keys()) chart(t, figure);
  }
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', redraw);

  let resizing = 0;
  window.addEventListener('resize', () => {
    clearTimeout(resizing);
    resizing = setTimeout(() => { for (const t of tenants) for (const e of t.charts.values()) e.resize(); }, 100);
  });

  const paperWidth = 680; // of A4 between its margins, in CSS pixels, rounded down
  let printing = false;
  const half = ['gaps', 'timeline'];

  function setPaper(on) {
    printing = on;
    document.documentElement.classList.toggle('printing', on);
    ink = css();
  }

  window.addEventListener('beforeprint', () => {
    setPaper(true);
    for (const d of document.querySelectorAll('.notes details')) openFor(d);
    for (const t of tenants) {
      if (!t.card || !isOpen(t)) continue; // of a closed one among many, paper has the card
      fill(t);
      for (const d of t.section.querySelectorAll('details')) openFor(d);
      for (const list of t.slot.querySelectorAll('details.list')) lists(t, list);
      for (const figure of t.slot.querySelectorAll('figure')) {
        chart(t, figure, true);
        const e = t.charts.get(figure);
        if (!e || figure.classList.contains('nothing')) continue;
        e.resize({ width: half.includes(figure.dataset.chart) ? paperWidth / 2 - 10 : paperWidth, height: 220 });
        e.getZr().flush(); // paper does not wait for the next frame
      }
    }
  });

  // openFor opens a section for paper and remembers that the reader had it closed.
  function openFor(details) {
    if (details.open) return;
    details.open = true;
    details.dataset.paper = '1';
  }

  window.addEventListener('afterprint', () => {
    setPaper(false);
    for (const d of document.querySelectorAll('details[data-paper]')) {
      d.open = false;
      delete d.dataset.paper;
    }
    for (const t of tenants) for (const e of t.charts.values()) e.resize({ width: 'auto', height: 'auto' });
    redraw();
  });

  // drawAll draws what is far from the screen too, while nothing else is to be done: a picture of the whole page, or a
  // browser that prints without saying so, must find no hole. Sections come first, so that the page has its height early.
  function drawAll(deadline) {
    for (const t of tenants) {
      if (!t.card || !isOpen(t)) continue;
      if (t.stale) fill(t);
      for (const figure of t.slot.querySelectorAll('figure:not(.nothing)')) {
        if (t.charts.has(figure)) continue;
        chart(t, figure, true);
        if (deadline.timeRemaining() < 5) {
          whenIdle(drawAll);
          return;
        }
      }
    }
    document.body.classList.add('drawn');
  }
  const whenIdle = window.requestIdleCallback ? (f) => requestIdleCallback(f, { timeout: 500 }) : (f) => setTimeout(f, 50, { timeRemaining: () => 0 });

  let fold = null;
  if (tenants.length > 0) {
    $('filter').hidden = false;
    Fleet.heads((sort) => change({ sort }));
    if (dense) fold = Fleet.folder(() => change({ passing: !state.passing }));
    for (const t of tenants) {
      if (!t.more) continue;
      t.more.open = opened.delete(place(t, t.more));
      t.more.addEventListener('toggle', () => { if (t.more.open) schedule(); });
    }
    for (const a of document.querySelectorAll('a.only')) a.hidden = false;
    state = readFragment();
    apply();
    for (const t of tenants) watcher.observe(t.section);
    comeBack();
    whenIdle(drawAll);
  }
  document.documentElement.dataset.ready = '1';
  if (shared.live) Live.follow(shared.live, $('showing'), leave);
})();
