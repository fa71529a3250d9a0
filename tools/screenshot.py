"""Make the picture of a notebook on the page "Write your own": the first blank of a new workbook in JupyterLab, with a wrong answer.

It needs what `make docs` needs and Chromium. Picture, and as text what it shows, become the output of the page's cell.
"""
import base64, io, json, os, socket, subprocess, sys, tempfile, time
from PIL import Image
from playwright.sync_api import Error, sync_playwright
from fastfound.workbook import new_workbook
import road
sys.path.insert(0, str(road.ROOT/'tests'))
from browser import program
WRONG = '''#| exports
@todo
def matmul_loops(a, b):
    "The matrix product of `a` and `b`, one multiplication at a time; an error if their inner sizes differ"
    assert a.shape[1]==len(b)
    c = a.new_zeros(len(a), b.shape[1])
    for i in range(len(a)):
        for j in range(b.shape[1]):
            for l in range(len(b)): c[i,j] = a[i,l]*b[l,j]
    return c'''
RUN = '''async i => {
  const nb = jupyterapp.shell.currentWidget.content, run = (name, args) => jupyterapp.commands.execute(name, args)
  if (!jupyterapp.shell.leftCollapsed) await run('application:toggle-left-area')
  for (const side of ['left','right']) await run('application:toggle-side-tabbar', {side})
  for (const k of [...Array(6).keys(), i, i+1]) { nb.activeCellIndex = k; await run('notebook:run-cell') }
  await run('statusbar:toggle')
  document.querySelector('.jp-toastContainer')?.remove()
  await nb.scrollToItem(i, 'start')
  await new Promise(f => setTimeout(f, 1500))
  return nb.model.cells.get(i+1).outputs.get(0).data['application/vnd.jupyter.stdout']
}'''

with tempfile.TemporaryDirectory() as d, sync_playwright() as p:
    path = new_workbook('mylib', d)/'nbs/01_matmul.ipynb'
    nb = json.loads(path.read_text(encoding='utf-8'))
    at = next(i for i,c in enumerate(nb['cells']) if c['metadata'].get('tags')==['blank'])
    nb['cells'][at]['source'] = WRONG
    path.write_text(json.dumps(nb), encoding='utf-8')
    with socket.create_server(('127.0.0.1', 0)) as s: port = s.getsockname()[1]
    how = ['--no-browser', '--allow-root', '--IdentityProvider.token=', f'--port={port}', '--LabApp.expose_app_in_browser=True']
    env = {k: v for k,v in os.environ.items() if k!='IN_TEST'} | {'HOME': d, 'FASTFOUND_OFFLINE': '1'}
    lab = subprocess.Popen([sys.executable, '-m', 'jupyterlab', *how, str(path.parent)], env=env, stderr=subprocess.DEVNULL)
    try:
        page = p.chromium.launch(executable_path=program(), args=['--no-sandbox', '--no-proxy-server']).new_page(
            viewport={'width': 760, 'height': 740}, device_scale_factor=2)
        while lab.poll() is None:
            try: page.goto(f'http://127.0.0.1:{port}/lab/tree/{path.name}')
            except Error: time.sleep(.2)  # not up yet
            else: break
        page.wait_for_function("jupyterapp?.shell.currentWidget?.sessionContext?.session?.kernel?.status === 'idle'", timeout=60_000)
        said = page.evaluate(RUN, at)
        shot = Image.open(io.BytesIO(page.screenshot())).convert('RGB').quantize(64, dither=Image.Dither.NONE)
    finally: lab.terminate()
shot.save(png := io.BytesIO(), 'PNG', optimize=True)
page_at = road.path('programs/write_your_own')
nb = json.loads(page_at.read_text(encoding='utf-8'))
shown = {'image/png': base64.b64encode(png.getvalue()).decode(), 'text/plain': f'{WRONG}\n\n{said}'.splitlines(keepends=True)}
next(c for c in nb['cells'] if c['id']=='5c3ee000')['outputs'] = [{'data': shown, 'metadata': {}, 'output_type': 'display_data'}]
road.write(page_at, nb)
