// What pages do beside showing text: buttons that copy code, and links about one page on the page that says how to change one
document.addEventListener('DOMContentLoaded', () => {
  const said = Object.assign(document.createElement('p'), {className: 'ff-said'});
  said.setAttribute('role', 'status');
  document.body.append(said);

  // code as it is typed: without prompts, and where there are some without what they print
  function typed(text) {
    const lines = text.replace(/\n+$/, '').split('\n'), prompt = /^(>>>|\.\.\.|\$)( |$)/;
    return lines.some(o => prompt.test(o)) ? lines.filter(o => prompt.test(o)).map(o => o.replace(prompt, '')).join('\n') : lines.join('\n');
  }
  async function copy(text) {
    try { return await navigator.clipboard.writeText(text); } catch { /* no such thing in pages opened from files, or not allowed */ }
    const area = Object.assign(document.createElement('textarea'), {value: text, className: 'ff-said'});
    document.body.append(area);
    area.select();
    const done = document.execCommand('copy');
    area.remove();
    if (!done) throw new Error('the browser does not copy');
  }
  for (const box of document.querySelectorAll('article .highlight')) {
    const button = Object.assign(document.createElement('button'), {type: 'button', className: 'ff-copy', textContent: 'Copy'});
    button.setAttribute('aria-label', 'Copy the code');
    button.addEventListener('click', async () => {
      const done = await copy(typed(box.querySelector('pre').textContent)).then(() => 'Copied', () => 'Not copied');
      said.textContent = button.textContent = done;
      button.focus();
      setTimeout(() => { button.textContent = 'Copy'; said.textContent = ''; }, 2000);
    });
    box.append(button);
  }

  const page = new URLSearchParams(location.search).get('page');
  for (const o of document.querySelectorAll('a[data-for-page]')) if (/^[\w/]+$/.test(page || '')) o.href = o.dataset.forPage.replace('PAGE', page);
});
