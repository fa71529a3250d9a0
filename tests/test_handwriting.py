"Image files as they come: transparent, rotated, of 16 bits, damaged, blank, in folders with other things in them."
import os, random
import pytest, torch
import numpy as np
from PIL import Image, ImageDraw
from drawings import sheet
from fastfound.datasets import get_mnist
from fastfound.handwriting import BlankPicture, Preprocessing, center_by_mass, extract_ink, find_splits, folder_splits, frame_digit, load_all, read_image
from fastfound.vision import image_files

pytestmark = pytest.mark.not_numerical

def array(im): return torch.from_numpy(np.array(im))

def test_alpha(tmp_path):
    "What is transparent is paper, in each of the modes that know transparency"
    want = array(sheet())
    rgba = sheet('RGBA', paper=(0,0,0,0), ink=(0,0,0,255))
    rgba.save(tmp_path/'rgba.png')
    sheet('LA', paper=(0,0), ink=(0,255)).save(tmp_path/'la.png')
    palette = sheet('L', paper=1, ink=0).convert('P')
    palette.putpalette([0,0,0, 0,0,0])
    palette.save(tmp_path/'p.png', transparency=1)
    palette.save(tmp_path/'p.gif', transparency=1)
    rgba.save(tmp_path/'rgba.webp', lossless=True)
    for o in sorted(tmp_path.iterdir()): assert torch.equal(read_image(o), want), o.name
    half = Image.new('RGBA', (4,4), (0,0,0,128))
    half.save(tmp_path/'half.png')
    assert read_image(tmp_path/'half.png').unique().tolist()==[127]

@pytest.mark.parametrize('orientation, back', [(2,'FLIP_LEFT_RIGHT'), (3,'ROTATE_180'), (4,'FLIP_TOP_BOTTOM'), (5,'TRANSPOSE'), (6,'ROTATE_90'), (7,'TRANSVERSE'), (8,'ROTATE_270')])
def test_exif(tmp_path, orientation, back):
    "All ways to hold a phone give the same picture"
    exif = Image.Exif()
    exif[0x0112] = orientation
    sheet().transpose(getattr(Image.Transpose, back)).save(tmp_path/'x.png', exif=exif)
    assert torch.equal(read_image(tmp_path/'x.png'), array(sheet()))

def test_16_bits(tmp_path):
    grey = np.linspace(0, 65535, 400).reshape(20,20).astype(np.uint16)
    Image.fromarray(grey).save(tmp_path/'x.png')
    Image.fromarray(grey).save(tmp_path/'x.tif')
    Image.fromarray(grey.astype(np.float32)/65535).save(tmp_path/'float.tif')
    want = torch.from_numpy((grey/257).round().astype(np.uint8))
    for o in sorted(tmp_path.iterdir()): assert (read_image(o).int()-want.int()).abs().max()<=1, o.name

def test_damaged(tmp_path):
    sheet().save(tmp_path/'good.png')
    good = (tmp_path/'good.png').read_bytes()
    for i,data in enumerate((b'', b'hello', good[:len(good)//2], b'\xff\xd8\xff\xe0'+bytes(50), b'GIF89a'+bytes(9))):
        (tmp_path/f'{i}.png').write_bytes(data)
        with pytest.raises(ValueError, match=f'{i}.png: got a damaged file or no picture'): read_image(tmp_path/f'{i}.png')
    with pytest.raises(FileNotFoundError): read_image(tmp_path/'none.png')
    with pytest.raises(OSError): read_image(tmp_path)

@pytest.mark.parametrize('paper, ink', [(255,0), (0,255), (200,90), (60,160), (128,0)])
def test_polarity(paper, ink):
    "Paper is what the border shows, whatever its brightness"
    got = extract_ink(array(sheet(paper=paper, ink=ink)))
    assert torch.equal(got, (array(sheet())==0).float())

def test_polarity_told():
    dark,light = array(sheet()),array(sheet(paper=0, ink=255))
    assert torch.equal(extract_ink(dark, 'yes'), extract_ink(light, 'no'))
    for x,told in ((dark,'no'), (light,'yes')):
        with pytest.raises(BlankPicture): extract_ink(x, told)

def test_blank(tmp_path):
    "Blank pictures are called blank, with a little noise as well, and so is white ink on a transparent sheet"
    g = torch.Generator().manual_seed(0)
    for x in (torch.zeros(30,30).byte(), torch.full((30,30), 255).byte(), (200+4*torch.rand(30,30, generator=g)).byte()):
        with pytest.raises(BlankPicture): extract_ink(x)
    Image.new('L', (50,30), 255).save(tmp_path/'blank.jpg')
    for preprocess in (Preprocessing(), Preprocessing(False)):
        with pytest.raises(BlankPicture, match='blank.jpg: got a blank picture'): preprocess(tmp_path/'blank.jpg')
    sheet('RGBA', paper=(0,0,0,0), ink=(255,255,255,255)).save(tmp_path/'white.png')
    with pytest.raises(BlankPicture): Preprocessing()(tmp_path/'white.png')

@pytest.mark.parametrize('h, w', [(40,4), (4,40), (200,60), (10,7), (20,20), (3,1)])
def test_frame(h, w):
    "The longer side becomes 20 pixels, the ratio is kept to a pixel, and the mass is in the middle"
    for top,left in ((0,0), (30,5)):
        ink = torch.zeros(h+40, w+30)
        ink[top:top+h,left:left+w] = 1
        x = frame_digit(ink)
        rows,cols = [int((x>0.3).any(d).sum()) for d in (1,0)]
        assert x.shape==(28,28) and max(rows,cols)==20 and abs(min(rows,cols)-max(1, 20*min(h,w)/max(h,w)))<=1
        r = torch.arange(28.)
        for d in (0,1): assert abs((x.sum(d)*r).sum()/x.sum()-14)<=0.501  # to the pixel: so it is for all digits of MNIST

def test_frame_of_full_bleed():
    "A drawing that touches the border of its picture is framed as well"
    im = Image.new('L', (60,100), 255)
    ImageDraw.Draw(im).line([(2,2), (57,4), (20,97)], fill=0, width=7)
    cropped,wide = array(im),array(Image.new('L', (300,200), 255))
    wide[50:150,120:180] = cropped
    assert (frame_digit(extract_ink(cropped))-frame_digit(extract_ink(wide))).abs().max()<1e-5

def test_center_keeps_all_ink():
    "Also where the mass is so far from the middle of the drawing that centring would push it out"
    ink = torch.zeros(20,20)
    ink[:,0],ink[0] = 0.01,1
    assert torch.isclose(center_by_mass(ink).sum(), ink.sum())

def test_digits_of_mnist_stay():
    x = get_mnist('sample').x_test
    framed = torch.stack([frame_digit(extract_ink(o)) for o in x])
    same = ((framed-x/255).abs().mean((1,2))<0.005).float().mean()
    assert same>0.95, same  # 0.967; the rest is a pixel away

def test_aspect_ratio_without_frame(tmp_path):
    "A square in a wide picture stays a square, and what is added has the colour of the border"
    im = Image.new('L', (280,140), 90)
    ImageDraw.Draw(im).rectangle((100,30,169,99), fill=240)
    im.save(tmp_path/'x.png')
    x = Preprocessing(False, 'no')(tmp_path/'x.png')
    assert int((x>200).any(0).sum())==int((x>200).any(1).sum())==7 and x[0,0]==x[-1,-1]==90
    assert torch.equal(Preprocessing(False, 'yes')(tmp_path/'x.png'), 255-x)
    assert torch.equal(Preprocessing(False, 'auto')(tmp_path/'x.png'), x)  # a border of 90 is dark

def folder_of(path, *splits, classes=('flat','tall'), n=6):
    "Pictures of bars in `path`, in folders of `splits` if there are any"
    for split in splits or ('',):
        for c in classes:
            (path/split/c).mkdir(parents=True)
            for i in range(n):
                im = Image.new('L', (40,40))
                ImageDraw.Draw(im).rectangle((5,8+i,34,12+i) if c=='flat' else (8+i,5,12+i,34), fill=200+i)
                im.save(path/split/c/f'{i}.png')
    return path

def test_hidden_and_others(tmp_path, capfd):
    "What the system and editors leave is passed over silently; what is no picture is named and skipped"
    folder_of(tmp_path)
    for o in ('.ipynb_checkpoints', '__MACOSX', '.git'): 
        (tmp_path/o).mkdir()
        (tmp_path/o/'0.png').write_bytes((tmp_path/'flat/0.png').read_bytes())
    (tmp_path/'flat/._0.png').write_bytes(b'resource fork')
    (tmp_path/'flat/.DS_Store').write_bytes(b'')
    (tmp_path/'notes.txt').write_text('')
    before = folder_splits(tmp_path)
    assert before.vocab==['flat','tall'] and capfd.readouterr().err==''
    (tmp_path/'flat/notes.txt').write_text('')
    (tmp_path/'tall/Thumbs.db').write_text('')
    after = folder_splits(tmp_path)
    assert torch.equal(before.train[0], after.train[0])
    assert capfd.readouterr().err=='fastfound: skipped 2 files that are no pictures: flat/notes.txt, tall/Thumbs.db\n'

def test_damaged_in_folder(tmp_path):
    "All damaged files are named at once"
    folder_of(tmp_path, 'train', 'valid')
    for o in ('train/flat/1.png', 'train/tall/4.png'): (tmp_path/o).write_bytes((tmp_path/o).read_bytes()[:50])
    with pytest.raises(ValueError, match='got 2 damaged of 12 pictures.*flat/1.png, tall/4.png'): folder_splits(tmp_path)

def test_blank_in_folder(tmp_path, capfd):
    folder_of(tmp_path, 'train', 'val')
    Image.new('L', (9,9)).save(tmp_path/'train/flat/empty.png')
    assert len(folder_splits(tmp_path).train[0])==12
    assert capfd.readouterr().err=='fastfound: skipped 1 blank picture: flat/empty.png\n'

@pytest.mark.parametrize('names, sizes', [
    (('train','valid'), (12,12,12)), (('train','val'), (12,12,12)), (('Training','Validation'), (12,12,12)), (('train','test'), (10,2,12)), (('training','testing'), (10,2,12)),
    (('train','val','test'), (12,12,12)), ((), (10,2,2))])
def test_layouts(tmp_path, names, sizes):
    splits = folder_splits(folder_of(tmp_path, *names))
    assert tuple(len(o[1]) for o in splits[:3])==sizes and splits.vocab==['flat','tall']
    assert (splits.test is splits.valid)==('test' not in [o.lower() for o in names] and 'testing' not in names)
    assert len(load_all(tmp_path, ['flat','tall'], Preprocessing(False))[1])==12*max(1, len(names))

def test_unknown_layouts(tmp_path):
    folder_of(tmp_path/'a', 'val', 'test')
    with pytest.raises(ValueError, match='got the folders test, val, wanted train and valid'): folder_splits(tmp_path/'a')
    folder_of(tmp_path/'b', classes=('train','flat'))  # a class may be called like that
    assert find_splits(tmp_path/'b')=={} and folder_splits(tmp_path/'b').vocab==['flat','train']
    folder_of(tmp_path/'c', 'train')
    with pytest.raises(ValueError, match='got the folders train, wanted'): folder_splits(tmp_path/'c')
    folder_of(tmp_path/'d', classes=('train','valid'))
    with pytest.raises(ValueError, match='got pictures of 0 classes'): folder_splits(tmp_path/'d')
    folder_of(tmp_path/'e', 'train', 'valid')
    os.rename(tmp_path/'e/valid/flat', tmp_path/'e/valid/round')
    with pytest.raises(ValueError, match='got pictures of round, wanted only flat, tall'): folder_splits(tmp_path/'e')

def test_same_split_each_time(tmp_path):
    a,b = [folder_splits(folder_of(tmp_path/str(i), n=11)) for i in range(2)]
    random.seed(5); torch.manual_seed(5)
    c = folder_splits(tmp_path/'0')
    assert torch.equal(a.valid[0], b.valid[0]) and torch.equal(a.valid[0], c.valid[0])
    rows = {tuple(o.tolist()) for o in a.train[0]}
    assert not any(tuple(o.tolist()) in rows for o in a.valid[0])  # nothing is on both sides
    assert image_files(tmp_path/'0')[0].keys()=={'flat','tall'}
