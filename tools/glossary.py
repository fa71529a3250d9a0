"""The terms of the field that the book explains: each is in bold once, where its idea stands, and the glossary is made from there."""
import re
import road

BOLD = re.compile(r'\*\*([^*\n]+)\*\*')
NUMBER = re.compile(r'\*\*\d+\.\*\*')  # of a question or an exercise
SENTENCE = re.compile(r'(?:(?<=[.!?])|(?<=[.!?]\)))\s+(?=[A-Z"*`(\[])')
NAMES = 'Adam Einstein Glorot He Jacobian Kaiming Muon Nesterov Numba Triton Xavier'.split()
LEANS = re.compile(r'(It|Its|This|That|They|Their|These|Those|There|Here|Both|Then|So|And|But|Instead)\b')  # on the sentence before it

def key(term):
    "A term in lower case and in the singular, as far as a dictionary would sort it"
    words = term.lower().removeprefix('the ')
    return words[:-1] if words[-1:]=='s' and words[-2:] not in ('ss','us','is') and words.split()[-1] not in ('bias','adam') else words

def blocks(text):
    "The paragraphs, headings, lines of lists and rows of tables in Markdown"
    return re.split(r'\n\s*\n|\n(?=[-*|] |\d+\. |#)', text)

def prose(page):
    "Pairs of the heading that text stands under and a paragraph, a line of a list or a row of a table"
    heading = ''
    for cell in road.cells(page):
        if cell['cell_type']!='markdown': continue
        text = NUMBER.sub('', re.sub(r'^```.*?^```|^\$\$.*?\$\$', '', road.source(cell), flags=re.M|re.S))
        for block in blocks(text):
            if m := re.match(r'#+ (.+)', block.strip()): heading = m[1]
            elif block.strip(): yield heading,' '.join(re.sub(r'^([-*>|]|\d+\.)\s', '', block.strip()).split())

def places():
    "Where a term stands in bold, in the order of the road: tuples of its key, the term, what is said of it, page and heading"
    for page in filter(lambda o: road.path(o).exists(), road.book()):
        for heading,text in prose(page):
            before = ''
            for sentence in SENTENCE.split(text):
                said = f'{before} {sentence}' if before and LEANS.match(sentence) else sentence
                for term in BOLD.findall(sentence): yield key(term),term,said,page,heading
                before = sentence

def terms():
    "From the key of each term to the term, what is said of it, page and heading, in the order of the alphabet"
    found = {}
    for k,*place in places(): found.setdefault(k, place)
    return dict(sorted(found.items()))

def markdown(anchor):
    "The glossary as a list; `anchor` makes from a heading what a link to it ends with"
    def entry(k, term, sentence, page, heading):
        said = BOLD.sub(r'\1', sentence).removesuffix(':').removesuffix('.').replace('](#', f']({page}.ipynb#')
        link = f'[{page.partition("_")[0]}]({page}.ipynb#{anchor(heading)})'
        return f'- **{k if term[1:].islower() and term.split()[0] not in NAMES else term}**: {said[:1].upper()}{said[1:]}. {link}'
    return '\n'.join(entry(k, *place) for k,place in terms().items())
