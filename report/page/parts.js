// Parts of the page: tables, legends, and what makes a live page follow its log.
'use strict';
const Tables = (() => {
  function row(values, tag, numbers) {
    const tr = document.createElement('tr');
    values.forEach((v, i) => {
      const cell = document.createElement(i === 0 && tag === 'td' ? 'th' : tag);
      if (tag === 'th') cell.scope = 'col';
      else if (i === 0) cell.scope = 'row';
      if (numbers.includes(i)) cell.className = 'n';
      cell.textContent = v;
      tr.append(cell);
    });
    return tr;
  }

  // table makes one whose columns of these numbers are set to the right; '' is no caption.
  function table(caption, heads, rows, numbers) {
    const t = document.createElement('table'), head = document.createElement('thead'), body = document.createElement('tbody');
    if (caption) t.createCaption().textContent = caption;
    head.append(row(heads, 'th', numbers));
    body.append(...rows.map((r) => row(r, 'td', numbers)));
    t.append(head, body);
    return t;
  }

  return { table };
})();

// Legends are written beside a chart, not into it: so they wrap, can be read aloud, and never lie over a curve. Swatches
// are drawn, not backgrounds, because browsers leave those out on paper.
const Legends = (() => {
  function shape(name, attributes) {
    const e = document.createElementNS('http://www.w3.org/2000/svg', name);
    for (const [k, v] of Object.entries(attributes)) e.setAttribute(k, v);
    return e;
  }

  const box = { x: 0.5, y: 0.5, width: 17, height: 11, rx: 2 };
  const line = (color, more) => shape('line', { x1: 0, x2: 18, y1: 6, y2: 6, stroke: color, 'stroke-width': 2.5, ...more });
  // The stripes of a turn, as the chart's own pattern turns them.
  const stripes = ['M-4 12L8 0M2 12L14 0M8 12L20 0M14 12L26 0', 'M-8 0L4 12M-2 0L10 12M4 0L16 12M10 0L22 12', 'M0 3H18M0 9H18', 'M3 0V12M9 0V12M15 0V12'];

  const shapes = {
    line: (i) => [line(i.color, {})],
    dashed: (i) => [line(i.color, { 'stroke-dasharray': '5 3' })],
    frame: (i) => [shape('rect', { ...box, x: 1, y: 1, width: 16, height: 10, fill: 'none', stroke: i.color, 'stroke-width': 2, 'stroke-dasharray': '4 2' })],
    hatched: (i) => [shape('rect', { ...box, fill: i.color }), shape('path', { d: stripes[(i.turn || 0) % 4], stroke: 'var(--paper)', 'stroke-width': 2 })],
    plain: (i) => [shape('rect', { ...box, fill: i.color, opacity: i.opacity || 1 })],
  };

  function item(i) {
    const li = document.createElement('li'), swatch = shape('svg', { width: 18, height: 12, viewBox: '0 0 18 12', 'aria-hidden': 'true' });
    swatch.append(...shapes[i.look || 'plain'](i));
    li.append(swatch, i.name);
    return li;
  }

  return { fill: (list, items) => list.replaceChildren(...items.map(item)) };
})();

const Live = (() => {
  const often = 2000, unhurried = 10000, hands = 4000; // ms: between two questions, two loads, and since the reader's last touch
  let touched = -hands;
  const started = performance.now();

  // poll asks whether there is something new, and loads the page again when there is. Its state is in the fragment, and
  // what is open in the history's entry. It never loads under the reader's hands, nor all the time during a pull.
  async function poll(path, told, leave, tag) {
    try {
      const answer = await fetch(path, { cache: 'no-store' });
      if (!answer.ok) throw new Error(answer.statusText);
      const now = await answer.text(), fresh = tag === '' || now === tag;
      if (!fresh && !busy()) {
        leave();
        return location.reload();
      }
      told.textContent = fresh ? 'Live.' : 'Live; something new is about to show.';
      setTimeout(poll, often, path, told, leave, tag || now);
    } catch (e) {
      told.textContent = 'The server does not answer; this is what it said last.';
      setTimeout(poll, 5000, path, told, leave, tag);
    }
  }

  function busy() {
    const now = performance.now();
    if (now - started < unhurried || now - touched < hands || String(getSelection()) !== '') return true;
    return document.activeElement?.closest('#filter input:not([type="checkbox"]), #filter select') != null;
  }

  // follow calls leave just before the page is loaded again.
  function follow(path, told, leave) {
    for (const kind of ['pointerdown', 'keydown', 'wheel', 'touchmove']) window.addEventListener(kind, () => { touched = performance.now(); }, { passive: true });
    poll(path, told, leave, '');
  }

  return { follow };
})();
