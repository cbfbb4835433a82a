// The table of tenants: what it shows of a range, how it is sorted, and which rows are folded.
'use strict';
const Fleet = (() => {
  const rank = { fail: 0, warn: 1, 'no-data': 2, pass: 3 };
  const textual = ['verdict', 'name'];
  const many = (n, one) => `${Words.count(n)} ${one}${n === 1 ? '' : 's'}`;

  const said = new Map(); // what the audit said in a cell

  // cellOf is a tenant's cell of a column.
  const cellOf = (t, key) => t.row.querySelector(`[data-k="${key}"]`);

  // fillRow writes what follows the range; sum and before are of Sums.
  function fillRow(t, { sum, before }, cap) {
    const hits = cellOf(t, 'violations');
    if (!said.has(hits)) said.set(hits, [...hits.childNodes]);
    Tenant.setVerdict(cellOf(t, 'verdict'), sum.verdict);
    const lines = {
      peak: [sum.peak, Words.size(sum.peak), before ? 'before ' + Words.size(before.peak) : Words.share(sum.peak, cap)],
      violations: [sum.broken, sum.broken === 0 ? '0' : many(sum.broken, 'hit'), before ? Words.difference(sum.broken, before.broken) : ''],
      bytes: [sum.bytes, Words.size(sum.bytes), before ? Words.change(sum.bytes, before.bytes) : ''],
    };
    for (const [key, [value, main, beside]] of Object.entries(lines)) {
      const c = cellOf(t, key), sub = document.createElement('span');
      sub.className = 'sub';
      sub.textContent = beside;
      c.dataset.v = value;
      c.replaceChildren(main, ...(beside ? [' ', sub] : []));
    }
    if (sum.whole && !before) hits.replaceChildren(...said.get(hits)); // in how many requests only the audit knows
    hits.classList.toggle('many', sum.broken > 0 && sum.verdict !== 'pass');
  }

  // sorted are the tenants in the order of a column; "-" before its name turns it round. A value that is not known comes
  // last either way. "" is the order of the report: who must act first.
  function sorted(tenants, sort, verdict) {
    const back = sort.startsWith('-'), key = back ? sort.slice(1) : sort;
    const value = (t) => {
      if (key === '' || key === 'verdict') return rank[verdict(t)];
      if (key === 'name') return t.name.toLowerCase();
      const v = cellOf(t, key).dataset.v;
      return v === '' || v === undefined ? null : Number(v);
    };
    const keyed = tenants.map((t) => [value(t), t]);
    keyed.sort(([a, t], [b, u]) => {
      if (a === b) return t.i - u.i;
      if (a === null) return 1;
      if (b === null) return -1;
      return (a < b ? -1 : 1) * (back ? -1 : 1);
    });
    return keyed.map(([, t]) => t);
  }

  // heads makes the heads buttons that sort; pick is called with the new order.
  function heads(pick) {
    for (const th of document.querySelectorAll('#overview th[data-s]')) {
      const button = document.createElement('button');
      button.type = 'button';
      button.textContent = th.textContent;
      button.addEventListener('click', () => {
        const key = th.dataset.s, first = textual.includes(key) || key === 'hit' ? key : '-' + key;
        const turned = first.startsWith('-') ? key : '-' + key;
        pick(th.getAttribute('aria-sort') === null || th.dataset.now !== first ? first : turned);
      });
      th.replaceChildren(button);
    }
  }

  // markHead shows by which column the table is sorted.
  function markHead(sort) {
    for (const th of document.querySelectorAll('#overview th[data-s]')) {
      const on = sort.replace('-', '') === th.dataset.s;
      th.dataset.now = on ? sort : '';
      if (on) th.setAttribute('aria-sort', sort.startsWith('-') ? 'descending' : 'ascending');
      else th.removeAttribute('aria-sort');
    }
  }

  // folder is the last row, which unfolds the tenants that pass.
  function folder(unfold) {
    const row = document.createElement('tr'), cell = document.createElement('td'), button = document.createElement('button');
    cell.colSpan = document.querySelectorAll('#overview th[data-s]').length;
    button.type = 'button';
    button.addEventListener('click', unfold);
    cell.append(button);
    row.append(cell);
    row.id = 'folder';
    const foot = document.createElement('tfoot');
    foot.append(row);
    document.querySelector('#overview').append(foot);
    return (folded, passing) => {
      row.hidden = passing === 0;
      button.setAttribute('aria-expanded', String(!folded));
      button.textContent = folded ? `Show the ${many(passing, 'tenant')} that pass${passing === 1 ? 'es' : ''}` : `Hide the tenants that pass`;
    };
  }

  // subject begins the question that the page answers, about one tenant by its name.
  function subject(names, past) {
    if (names.length === 1) return `${past ? 'Was' : 'Is'} ${names[0]}`;
    return `${past ? 'Were' : 'Are'} these ${Words.count(names.length)} tenants`;
  }

  // answer is the one sentence that the reader came for, of a range; of now the program says it. name is that of the only
  // tenant, if there is but one.
  function answer(n, name) {
    const all = n.fail + n.warn + n['no-data'] + n.pass, others = n.warn + n['no-data'];
    const are = `${Words.count(n.pass)} ${n.pass === 1 ? 'is' : 'are'}`;
    if (all === 0) return '';
    if (name) return n.fail > 0 ? `No: ${name} broke a rule.` : others > 0 ? `Yes, but ${name} should change something.` : `Yes: ${name} kept all rules.`;
    if (n.fail > 0 && others > 0) return `No: ${Words.count(n.fail)} of ${many(all, 'tenant')} broke a rule, ${Words.count(others)} more should change something, ${are} fine.`;
    if (n.fail > 0) return `No: ${Words.count(n.fail)} of ${many(all, 'tenant')} broke a rule, ${are} fine.`;
    if (others > 0) return `Yes, but ${Words.count(others)} of ${many(all, 'tenant')} should change something.`;
    return `Yes: ${many(all, 'tenant')} kept all rules.`;
  }

  // tally counts tenants by verdict.
  function tally(tenants, verdict) {
    const n = { fail: 0, warn: 0, 'no-data': 0, pass: 0 };
    for (const t of tenants) n[verdict(t)]++;
    return n;
  }

  return { fillRow, sorted, heads, markHead, folder, subject, answer, tally };
})();
