"""Rehearse a release: in a copy of this tree, write the version, commit, tag, build, check, and try the packages, also from an index here.

`make release` is the next minor version, `make release ARGS=1.2.3` that one, `make release ARGS='--part patch'` the next of its part.
Nothing in this repository changes but with `--real`.
"""
import argparse, datetime, os, re, shutil, sys, tempfile, time
from pathlib import Path
from packages import make_and_try, run, step
from road import settings

ROOT = Path(__file__).parents[1]
CHANGES,CITATION,PARTS = '.github/CHANGELOG.md','CITATION.cff',('major', 'minor', 'patch')

def read(root, name): return (root/name).read_text(encoding='utf-8')

def sections(root):
    "The headings of CHANGELOG, newest first, each with its text"
    parts = re.split(r'^## (.+)$', read(root, CHANGES), flags=re.M)
    return [(heading.strip(), text.strip()) for heading,text in zip(parts[1::2], parts[2::2])]

def disagreements(root, tag=None):
    "Where the files disagree about the version, in words; with a `tag`, what keeps the tree from being released under it as well"
    cfg,cff,changes = settings(root),read(root, CITATION),sections(root)
    version,released = cfg['version'],[o for o,_ in changes if o!='Unreleased']
    init = f'{cfg["lib_path"]}/__init__.py'
    said = {CITATION: re.search(r'^version: *"?([^"\s]*)', cff, re.M), init: re.search(r'__version__ = "(.*)"', read(root, init))}
    found = [f'{name} says {got and got[1]}' for name,got in said.items() if not got or got[1]!=version]
    heading = re.fullmatch(r'(\S+), (\d{4}-\d\d-\d\d)', released[0]) if released else None
    dated = re.search(r'^date-released: *"?([^"\s]*)', cff, re.M)
    def wrong(condition, text): found.extend([text]*bool(condition))
    wrong(not changes, f'{CHANGES} has no heading, such as `## Unreleased`')
    wrong(released and (not heading or heading[1]!=version),
          f'{CHANGES} says `## {"".join(released[:1])}`, not `## {version}, YEAR-MONTH-DAY`')
    wrong(heading and (not dated or dated[1]!=heading[2]), f'{CITATION} says date-released: {dated and dated[1]}, not that of {CHANGES}')
    wrong((cfg['install_from']==cfg['lib_name'])!=bool(released),
          f'install_from = {cfg["install_from"]}, and {CHANGES} tells of {"a" if released else "no"} release')
    if tag:
        wrong(tag!=f'v{version}', f'the tag is {tag}, not v{version}')
        wrong(not released, f'{CHANGES} tells of no release')
        wrong(released and changes[0][0]=='Unreleased', f'{CHANGES} has changes that are not released')
    return [f'settings.ini says {version}; {o}' for o in found]

def following(version, part):
    "The version after `version`: its `part` one higher, and zeros after that"
    numbers,i = [int(o) for o in version.split('.')],PARTS.index(part)
    return '.'.join(map(str, [*numbers[:i], numbers[i]+1, *[0]*(2-i)]))

def chosen(old, version, part):
    "The version to release after `old`: `version` if it is one and higher, otherwise the next of `part`"
    if version is None: return following(old, part)
    if not re.fullmatch(r'\d+\.\d+\.\d+', version):
        sys.exit(f'got the version {version}, wanted three numbers, such as {following(old, part)}')
    if [*map(int, version.split('.'))]<=[*map(int, old.split('.'))]:
        sys.exit(f'got the version {version}, wanted one after {old}, which settings.ini has')
    return version

def write(root, version, date):
    "Write the version into the files that tell it, but for the package, which `make export` makes"
    def edit(name, *changes):
        text = read(root, name)
        for pattern,new in changes:
            text,n = re.subn(pattern, lambda _: new, text, flags=re.M)
            if n!=1: sys.exit(f'{name} has {n} lines like `{pattern}`, wanted one')
        (root/name).write_text(text, encoding='utf-8', newline='\n')
    edit(CHANGES, (r'^## Unreleased$', f'## {version}, {date}'))
    edit('settings.ini', (r'^version = .*$', f'version = {version}'), (r'^install_from = .*$', 'install_from = %(lib_name)s'))
    edit(CITATION, (r'^version: .*(\ndate-released: .*)?$', f'version: {version}\ndate-released: "{date}"'))

def release(root, version, identity=()):
    "Write `version` everywhere, export, commit and tag, in the repository at `root`"
    write(root, version, datetime.date.today().isoformat())
    # the tools of this environment: the copy has none of its own, and this one is not made anew because settings.ini changed
    run('make', 'export', f'BIN={Path(sys.executable).parent}', '-o', '.venv/.dev', cwd=root, env={**os.environ, 'PYTHONPATH': str(root)})
    found = disagreements(root, f'v{version}')
    if found: sys.exit('\n'.join(found))
    run('git', 'add', '-A', cwd=root)
    run('git', *identity, 'commit', '-q', '-m', f'{settings(root)["lib_name"]} {version}', cwd=root)
    run('git', *identity, 'tag', '-a', f'v{version}', '-m', f'{settings(root)["lib_name"]} {version}', cwd=root)

def refuse(root, version, real):
    "End, and say what to do, where `version` can not be released from the repository at `root`"
    found,(heading,text) = disagreements(root),(sections(root) or [('', '')])[0]
    if found: sys.exit('\n'.join(['the files disagree (`make export` writes the package):', *found]))
    if heading!='Unreleased' or not text:
        sys.exit(f'{CHANGES} begins with `## {heading}`: wanted `## Unreleased` and, below it, what is new')
    if run('git', 'tag', '-l', f'v{version}', cwd=root).strip():
        sys.exit(f'the tag v{version} exists: name another version, such as {following(version, "patch")}')
    if not real: return
    branch,here = settings(root)['branch'],run('git', 'branch', '--show-current', cwd=root).strip()
    if here!=branch: sys.exit(f'a release is made on {branch}, and this is {here or "no branch"}: git switch {branch}')
    dirty = run('git', 'status', '--porcelain', cwd=root).rstrip()
    if dirty: sys.exit(f'commit or remove first what is not committed:\n{dirty}')

def copy(root, where):
    "A clone of the repository at `root`, with the files as they are in its tree; how many of them differ from what is committed"
    run('git', 'clone', '-q', '--depth', '1', root.as_uri(), where)
    for o in run('git', 'ls-files', '-z', '--cached', '--others', '--exclude-standard', cwd=root).split('\0')[:-1]:
        if (root/o).is_file():
            (where/o).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root/o, where/o)
        else: (where/o).unlink(missing_ok=True)
    return len(run('git', 'status', '--porcelain', cwd=where).splitlines())

def still_to_do(lib, version, branch, real):
    "What is left to the person who has the accounts, in words"
    first = '' if real else f'  make release ARGS="{version} --real"\n'
    return f'''What is left to do, by the person with the accounts:
{first}  git push --atomic origin {branch} v{version}
Then .github/workflows/release.yaml builds, tries and publishes the packages, and makes the release page.
Once, before the first release: register this repository, the workflow release.yaml and the environment `release` with the package index
as the trusted publisher of {lib}, and make that environment in the settings of the repository; no password is needed.'''

def rehearse(root, version):
    "Release `version`, or the tree as it is where `version` is None, in a copy of `root`, and build and try its packages"
    start = now = time.monotonic()
    with tempfile.TemporaryDirectory() as tmp:
        tmp = Path(tmp).resolve()
        changed = copy(root, tmp/'copy')
        cfg = settings(root)
        if changed: print(f'note: {changed} files with changes that are not committed are part of this rehearsal')
        if version:
            release(tmp/'copy', version, ('-c', f'user.name={cfg["author"]}', '-c', 'user.email=nobody@localhost'))
            now = step(f'in a copy: {cfg["version"]} became {version}, exported, committed and tagged v{version}', now)
        make_and_try(tmp/'copy', tmp/'dist', tmp, cfg['lib_name'], version or cfg['version'])
    step('a rehearsal; nothing in this repository has changed', start)
    if version: print(still_to_do(cfg['lib_name'], version, cfg['branch'], False))

def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('version', nargs='?', help='the version to release, such as 1.2.3')
    parser.add_argument('--part', choices=PARTS, default='minor', help='which part of the version to raise, if none is given')
    how = parser.add_mutually_exclusive_group()
    how.add_argument('--real', action='store_true', help='write, commit and tag in this repository; nothing is pushed')
    how.add_argument('--check', metavar='TAG', help='tell whether TAG, settings, citation, changes and package agree')
    how.add_argument('--notes', metavar='TAG', help='print what the changes say about TAG')
    how.add_argument('--build', action='store_true', help='build the packages of this tree as it is into dist, check and try them')
    args = parser.parse_args()
    cfg,tag = settings(ROOT),args.check or args.notes
    if tag:
        found = disagreements(ROOT, tag)
        if found: sys.exit('\n'.join(found))
        return print(sections(ROOT)[0][1] if args.notes else f'{tag}: all files agree')
    if args.build:
        shutil.rmtree(ROOT/'dist', ignore_errors=True)
        with tempfile.TemporaryDirectory() as tmp:
            return make_and_try(ROOT, ROOT/'dist', Path(tmp).resolve(), cfg['lib_name'], cfg['version'])
    nothing_new = args.version is None and not args.real and sections(ROOT) and sections(ROOT)[0][0]!='Unreleased'
    if nothing_new: print(f'{CHANGES} has nothing unreleased: this is about {cfg["version"]} as it is')
    version = None if nothing_new else chosen(cfg['version'], args.version, args.part)
    if version: refuse(ROOT, version, args.real)
    if not args.real: return rehearse(ROOT, version)
    before = run('git', 'rev-parse', 'HEAD', cwd=ROOT).strip()
    try: release(ROOT, version)
    except BaseException:
        run('git', 'reset', '-q', '--hard', before, cwd=ROOT)  # the tree was clean
        raise
    print(f'committed and tagged v{version}\n{still_to_do(cfg["lib_name"], version, cfg["branch"], True)}')

if __name__ == '__main__': main()
