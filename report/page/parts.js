// Parts of the page: tables, and what makes a live page follow its log.
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

  function table(caption, heads, rows, numbers) {
    const t = document.createElement('table'), head = document.createElement('thead'), body = document.createElement('tbody');
    const title = document.createElement('caption');
    title.textContent = caption;
    head.append(row(heads, 'th', numbers));
    body.append(...rows.map((r) => row(r, 'td', numbers)));
    t.append(title, head, body);
    return t;
  }

  return { table };
})();

const Live = (() => {
  // poll asks whether there is something new, and loads the page again when there is; its state is in the fragment.
  async function poll(path, told, tag) {
    try {
      const answer = await fetch(path, { cache: 'no-store' });
      if (!answer.ok) throw new Error(answer.statusText);
      const now = await answer.text();
      // A reader who is choosing days would lose what is half typed.
      const busy = document.activeElement && document.activeElement.closest('#filter');
      if (tag !== '' && now !== tag && !busy) return location.reload();
      told.textContent = tag !== '' && now !== tag ? 'There is something new; it shows when you leave the filter.' : 'Live.';
      setTimeout(poll, 2000, path, told, tag || now);
    } catch (e) {
      told.textContent = 'The server does not answer; this is what it said last.';
      setTimeout(poll, 5000, path, told, tag);
    }
  }

  return { follow: (path, told) => poll(path, told, '') };
})();
