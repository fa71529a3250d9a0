"Reads settings.ini, where all of the metadata lives: edit there, not here."
from configparser import ConfigParser
from pathlib import Path
import re, shlex
from setuptools import setup, find_namespace_packages

config = ConfigParser(delimiters=['='])
config.read('settings.ini', encoding='utf-8')
cfg = config['DEFAULT']
lib = cfg['lib_name']

def words(key):
    "The words of setting `key`, without its comments"
    return shlex.split(cfg.get(key, ''), comments=True)

def tested():
    "The versions of what everyone needs that constraints.txt fixes: in the metadata, where `fastfound doctor` finds them in a wheel"
    names = {re.match(r'[\w-]+', o)[0] for o in words('requirements')}
    return [o for o in Path('constraints.txt').read_text(encoding='utf-8').splitlines() if o.partition('==')[0] in names]

def description():
    "The README with whole addresses, since its relative ones lead nowhere on an index: those of the tag once there are releases"
    ref = f"v{cfg['version']}" if cfg['install_from']==lib else cfg['branch']
    raw,page = f"{cfg['raw_url']}/{ref}",f"{cfg['git_url']}/blob/{ref}"
    def whole(m): return f"{m[1]}{raw if re.search(r'(?i)[.](png|svg|gif|jpe?g|webp)$', m[2]) else page}/{m[2]}"
    local = r'(?![\w+.-]+:|/|#)([^\s)">#]+)'  # neither a scheme nor a place in this page
    parts = re.split(r'(```.*?```|`[^`]*`)', Path('README.md').read_text(encoding='utf-8'), flags=re.S)  # every second one is code
    return ''.join(o if i%2 else re.sub(rf'(\]\(|\b(?:src|href)=")(?:\./)?{local}', whole, o) for i,o in enumerate(parts))

spdx = {'apache2': 'Apache-2.0'}
stages = ['1 - Planning', '2 - Pre-Alpha', '3 - Alpha', '4 - Beta', '5 - Production/Stable', '6 - Mature', '7 - Inactive']
pythons = ['3.10', '3.11', '3.12', '3.13']

setup(
    name=lib, version=cfg['version'], description=cfg['description'], keywords=cfg['keywords'].split(),
    author=cfg['author'],
    project_urls={'Documentation': f"{cfg['doc_host']}{cfg['doc_baseurl']}/", 'Source': cfg['git_url'],
                  'Issues': f"{cfg['git_url']}/issues/new/choose",
                  'Changelog': f"{cfg['git_url']}/blob/{cfg['branch']}/.github/CHANGELOG.md"},
    license_expression=spdx[cfg['license']],
    classifiers=[f"Development Status :: {stages[int(cfg['status'])-1]}",
                 f"Intended Audience :: {cfg['audience']}",
                 'Intended Audience :: Science/Research',
                 f"Natural Language :: {cfg['language']}",
                 'Topic :: Scientific/Engineering :: Artificial Intelligence', 'Topic :: Education',
                 'Framework :: Jupyter', 'Operating System :: OS Independent', 'Typing :: Typed',
                 'Programming Language :: Python :: 3', 'Programming Language :: Python :: 3 :: Only',
                 *(f'Programming Language :: Python :: {o}' for o in pythons[pythons.index(cfg['min_python']):])],
    packages=find_namespace_packages(include=[lib, f'{lib}.*']), include_package_data=True,
    python_requires='>=' + cfg['min_python'],
    install_requires=words('requirements'),
    extras_require={o: words(f'{o}_requirements') for o in ('dev', 'docs', 'release', 'workbook', 'fast')} | {'tested': tested()},
    entry_points={'console_scripts': words('console_scripts'), 'nbdev': [f'{lib}={lib}._modidx:d']},
    long_description=description(), long_description_content_type='text/markdown',
)
