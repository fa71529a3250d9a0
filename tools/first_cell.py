"""Write the first cell of every notebook, which installs the package where it is missing, such as on Colab.

What it installs stands in settings.ini as `install_from`. `--check` only tells whether the notebooks are in step.
"""
import json, sys
from nbdev.config import get_config
import road

# what a page can use besides
EXTRAS = {'00_datasets': 'pandas', '01b_kernels': 'numba', '07a_vision': 'scikit-learn', 'programs/all': 'pandas', 'programs/cli': 'numba'}
ID = 'f1257ce1'

def source(page, cfg):
    "The code of the first cell of `page`"
    wanted = ' '.join(f'"{o}"' if ' ' in o else o for o in (cfg.d['install_from'], *EXTRAS.get(page, '').split()))
    return f'''#| hide
try: import {cfg.lib_name}
except ModuleNotFoundError:  # not installed here, as on Colab
    %pip install -qq --retries 1 {wanted}
    try: import {cfg.lib_name}
    except ModuleNotFoundError: raise ModuleNotFoundError(
        "{cfg.lib_name} is not installed here and could not be fetched. With a network, run this cell again. "
        "Without one, open this notebook in a copy of the repository; its README says how to install from there.") from None'''

def main(check):
    cfg = get_config()
    stale = []
    for page in ['index', *road.pages()]:
        nb = json.loads(road.path(page).read_text(encoding='utf-8'))
        old = nb['cells'][0] if nb['cells'][0].get('id')==ID else None
        new = {'cell_type': 'code', 'execution_count': None, 'id': ID, 'metadata': {'jupyter': {'source_hidden': True}}, 'outputs': [],
               'source': source(page, cfg).splitlines(keepends=True)}
        if old==new: continue
        stale.append(page)
        if check: continue
        nb['cells'] = [new, *nb['cells'][bool(old):]]
        road.write(road.path(page), nb)
    if check and stale: sys.exit(f"first cells out of step with tools/first_cell.py: {', '.join(stale)}; run `make export`")

if __name__ == '__main__': main('--check' in sys.argv[1:])
