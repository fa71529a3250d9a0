"""Write README.md from nbs/index.ipynb and its stored outputs, with nbdev's own processors and no other program.

Cells flagged `#| site-only` are left out, and buttons become a row of links; `--check` only tells whether it is in step.
"""
import base64, re, sys
from pathlib import Path
from nbdev.config import get_config
from nbdev.doclinks import _nbpath2html
from nbdev.frontmatter import FrontmatterProc
from nbdev.process import NBProcessor
from nbdev.processors import add_links, filter_stream_, hide_, hide_line, rm_export, strip_ansi

BADGE = '.github/colab.svg'
NOTE = '<!-- made from nbs/index.ipynb by tools/readme.py: edit there, not here -->'

def joined(x): return ''.join(x) if isinstance(x, list) else x

def output(o, name, images, alt=''):
    "The Markdown of an output; a picture, which `alt` describes, goes to `images` under a name that begins with `name`"
    data = o.get('data', {})
    if 'image/png' in data:
        images[f'{name}.png'] = base64.b64decode(joined(data['image/png']))
        return f'![{alt}]({name}.png)'
    for kind in ('text/markdown', 'text/html'):
        if kind in data: return joined(data[kind]).strip()
    text = joined(o.get('text') or data.get('text/plain') or '').rstrip()
    return f'```\n{text}\n```' if text else ''

def row(buttons, site):
    "The buttons of the front page for a README: a row of links, one of them a badge, and the site in the place of the repository"
    for old,new in ((r'\[(.* Colab)\]', rf'[![\1]({BADGE})]'), (r'\[Repository\]\(.*\)', f'[Website]({site}/)'), ('\n', ' · ')):
        buttons = re.sub(old, new, buttons)
    return buttons

def build(cfg):
    "The README's text, and the pictures it shows as a dict of file name to bytes"
    procs = [FrontmatterProc, strip_ansi, hide_line, filter_stream_, rm_export, hide_, add_links]
    nb = NBProcessor(cfg.nbs_path/cfg.readme_nb, procs=procs, process=True).nb
    site = f'{cfg.doc_host}{cfg.doc_baseurl}'.rstrip('/')
    def link(m): return f']({site}/{_nbpath2html(Path(Path(m[1]).name))}{m[2] or ""})'
    front,images = nb.frontmatter_,{}
    parts = [f"# {front['title']}", NOTE, f"> {front['description']}"]
    for cell in nb.cells:
        if 'site-only' in cell.get('directives_', {}): continue
        option = dict(re.findall(r'^#\| *([\w-]+): *"?(.*?)"?$', cell.source, re.M))
        source = re.sub(r'^#\|.*\n?', '', cell.source, flags=re.M).strip()
        source = re.sub(r'<div class="ff-buttons">\n\n(.*?)\n\n</div>', lambda m: row(m[1], site), source, flags=re.S)
        if cell.cell_type=='markdown': parts.append(re.sub(r'\]\(([\w/.-]+\.ipynb)(#[\w.-]*)?\)', link, source))
        elif cell.cell_type=='code':
            if source and option.get('echo')!='false': parts.append(f'```python\n{source}\n```')
            parts += [output(o, f'index_files/{cell.id}-{i}', images, option.get('fig-alt', ''))
                      for i,o in enumerate(cell.get('outputs', []))]
    return '\n\n'.join(o for o in parts if o) + '\n', images

def main(check):
    cfg = get_config()
    text,images = build(cfg)
    files = {'README.md': text.encode(), **images}
    stale = [o for o in files if not (p := cfg.config_path/o).exists() or p.read_bytes()!=files[o]]
    if check and stale: sys.exit(f"out of step with nbs/{cfg.readme_nb}: {', '.join(stale)}; run `make export`")
    for o in stale:
        (cfg.config_path/o).parent.mkdir(exist_ok=True)
        (cfg.config_path/o).write_bytes(files[o])

if __name__ == '__main__': main('--check' in sys.argv[1:])
