// fetch_fetch.js MODE URL FILE: get, post (FILE.in is the body) or abort.
const fs = require('fs');
const [mode, url, name] = process.argv.slice(2);
const headers = { Authorization: `Bearer ${process.env.TOKEN}` };
if (mode === 'post') headers['Content-Type'] = 'application/json';
async function main() {
  const body = mode === 'post' ? fs.readFileSync(name + '.in') : undefined;
  const answer = await fetch(url, { method: body ? 'POST' : 'GET', headers, body });
  if (!answer.ok) process.exit(1);
  const file = fs.openSync(name, 'w');
  for await (const block of answer.body) {
    fs.writeSync(file, block);
    if (mode === 'abort') process.exit(0);
  }
}
main().catch((err) => { console.error(err.message, err.cause && err.cause.message); process.exit(1); });
