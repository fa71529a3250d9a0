"Image files as they come, in folders and lists, to batches: modes, damage, blanks, divisions, readers."
import errno, io, os, shutil, threading, time
import drawings, pytest, torch
import numpy as np, pandas as pd
from hypothesis import given, settings, strategies as st
from PIL import EpsImagePlugin, Image, ImageDraw, ImageOps
from fastfound import images
from fastfound.basics import set_seed, test_near as near
from fastfound.handwriting import DigitReader
from fastfound.images import (ImageDataLoader, ImageDataLoaders, ImageReader, LargePicture, as_viewed, folder_parts, get_image_files,
                              is_picture, label_numbers, labelled_files, load_image, put_aside, read_images)
from fastfound.resnet import resnet18
from fastfound.vision import vision_learner

# One file

def sheet(mode='RGB', paper='white', ink=(200,30,10)): return drawings.sheet(mode, paper=paper, ink=ink)

def array(im): return np.array(im).astype(int)

TURNS = 'FLIP_LEFT_RIGHT ROTATE_180 FLIP_TOP_BOTTOM TRANSPOSE ROTATE_90 TRANSVERSE ROTATE_270'.split()

@pytest.mark.parametrize('orientation, back', [*enumerate(TURNS, 2)])
def test_exif(tmp_path, orientation, back):
    "All ways to hold a phone give the same picture, in colour and in grey, also where the JPEG is decoded at a smaller size"
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = sheet().transpose(getattr(Image.Transpose, back))
    turned.save(tmp_path/'x.png', exif=exif)
    assert (array(load_image(tmp_path/'x.png'))==array(sheet())).all()
    assert (array(load_image(tmp_path/'x.png', 1))==array(sheet().convert('L'))).all()
    turned.resize([o*16 for o in turned.size], Image.Resampling.NEAREST).save(tmp_path/'x.jpg', exif=exif, quality=95)
    small = ImageReader(size=(40,60))(tmp_path/'x.jpg').permute(1,2,0).numpy().astype(int)
    assert abs(small-array(sheet())).mean()<3

@pytest.mark.parametrize('exif', [b'Exif\0\0zzzzzzzz', b'Exif\0\0II*\0', b'Exif\0\0MM\0+\0\0\0\x08'])
@pytest.mark.parametrize('suffix', ['png', 'jpg', 'webp'])
@pytest.mark.filterwarnings('ignore')  # of Pillow, which tells of such data
def test_damaged_metadata(tmp_path, exif, suffix):
    "A picture that every viewer shows is not called damaged because of its EXIF data"
    sheet().save(tmp_path/f'x.{suffix}', exif=exif)
    assert load_image(tmp_path/f'x.{suffix}').size==sheet().size

def test_transparency(tmp_path):
    "What is transparent is white, in each of the modes that know transparency; what is half transparent is half white"
    want = array(sheet())
    rgba = sheet('RGBA', paper=(0,0,0,0), ink=(200,30,10,255))
    rgba.save(tmp_path/'rgba.png')
    rgba.save(tmp_path/'rgba.webp', lossless=True)
    palette = Image.new('P', (60,40), 0)
    palette.putpalette([9,9,9, 200,30,10])
    pen = ImageDraw.Draw(palette)
    pen.rectangle((10,25,29,30), fill=1)
    pen.rectangle((12,8,15,11), fill=1)
    palette.save(tmp_path/'p.png', transparency=0)
    palette.save(tmp_path/'p.gif', transparency=0)
    for o in sorted(tmp_path.iterdir()):
        assert (array(load_image(o))==want).all(), o.name
        assert abs(array(load_image(o, 1))-array(sheet().convert('L'))).max()<=1, o.name
    Image.new('RGBA', (4,4), (0,0,200,128)).save(tmp_path/'half.png')
    assert array(load_image(tmp_path/'half.png'))[0,0].tolist()==[127,127,227]
    Image.new('LA', (4,4), (0,128)).save(tmp_path/'la.png')
    assert array(load_image(tmp_path/'la.png', 1))[0,0]==127

def test_other_modes(tmp_path):
    "CMYK, one bit, 16 and 32 bits, floats, an animation: three channels of bytes, or one"
    sheet().convert('CMYK').save(tmp_path/'cmyk.tif')
    assert abs(array(load_image(tmp_path/'cmyk.tif'))-array(sheet())).max()<=2
    sheet().convert('CMYK').save(tmp_path/'cmyk.jpg', quality=95)
    assert abs(array(load_image(tmp_path/'cmyk.jpg'))-array(sheet())).mean()<3
    sheet('1', paper=1, ink=0).save(tmp_path/'bit.png')
    assert set(np.unique(array(load_image(tmp_path/'bit.png'))))=={0,255}
    grey = np.linspace(0, 65535, 400).reshape(20,20)
    Image.fromarray(grey.astype(np.uint16)).save(tmp_path/'16.png')
    Image.fromarray(grey.astype(np.int32)).save(tmp_path/'32.tif')
    Image.fromarray((grey/65535).astype(np.float32)).save(tmp_path/'float.tif')
    for o in ('16.png','32.tif','float.tif'):
        im = load_image(tmp_path/o)
        assert im.mode=='RGB' and abs(array(im)-(grey/257).round()[...,None]).max()<=1, o
        assert abs(array(load_image(tmp_path/o, 1))-(grey/257).round()).max()<=1, o
    frames = [sheet(), ImageOps.invert(sheet())]
    frames[0].save(tmp_path/'a.gif', save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path/'a.png', save_all=True, append_images=frames[1:])
    for o in ('a.gif','a.png'): assert (array(load_image(tmp_path/o))==array(sheet())).all(), o

def test_pictures_of_numbers(tmp_path):
    "TIFFs of 32 bits, as microscopes and simulations write them: their own range becomes 0 to 255, whatever single pixels hold"
    def read(a):
        Image.fromarray(a).save(tmp_path/'x.tif')
        return array(load_image(tmp_path/'x.tif', 1))
    numbers = np.linspace(0, 1, 1024, dtype=np.float32).reshape(32,32)
    want = (numbers*255).round()
    for scale in (255, 2_000_000_000): assert abs(read((numbers*scale).astype(np.int32))-want).max()<=1
    for bad in (np.nan, np.inf, -np.inf):
        spoilt = numbers.copy()
        spoilt[0,5] = bad
        got = read(spoilt)
        assert abs(np.delete(got, 5)-np.delete(want, 5)).max()<=1 and got[0,5]==(255 if bad==np.inf else 0)
    assert (read(np.full((4,4), 7., np.float32))==0).all()

@pytest.mark.parametrize('mode, of_picture', [('I', True), ('F', True), ('F', False)])
@pytest.mark.parametrize('outlier', [1e6, -1e6, 3e38, -3e38, np.nan, np.inf])
def test_a_faulty_pixel(mode, of_picture, outlier):
    "However far off, it becomes black or white and leaves the others as they are; a value that is only the largest counts"
    if mode=='I': outlier = np.clip(np.nan_to_num(outlier), -2e9, 2e9) or 2e9
    numbers = np.linspace(0, 255, 48*48).reshape(48,48)
    spoilt = numbers.copy()
    spoilt[3,7] = outlier if of_picture else 400.
    im = Image.fromarray(spoilt.astype(np.int32 if mode=='I' else np.float32))
    got,want = np.delete(array(as_viewed(im, 1)), 3*48+7),np.delete(numbers, 3*48+7)
    assert abs(got-(want if of_picture else want*255/400)).max()<=1.5
    if outlier==outlier: assert array(as_viewed(im, 1))[3,7]==(255 if not of_picture or outlier>0 else 0)

@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf, 0, 7, -3e38, 2e9])
def test_pictures_of_one_number(value):
    for dtype in (np.float32, np.int32):
        if dtype==np.int32 and not abs(value)<2**31: continue
        assert set(np.unique(array(as_viewed(Image.fromarray(np.full((4,4), value, dtype)), 1))))=={255 if value==np.inf else 0}

def test_sparse_pictures_of_numbers():
    "A few bright points on nothing are the picture, and no fault"
    stars = np.zeros((64,64), np.float32)
    stars[5,6],stars[50,40] = 9,3
    assert (array(as_viewed(Image.fromarray(stars), 1))==(stars*255/9).round()).all()

LOSSLESS = {'PNG': 'RGB L P 1 RGBA LA I;16', 'TIFF': 'RGB L P 1 RGBA LA CMYK I F I;16 LAB YCbCr', 'BMP': 'RGB L P 1', 'GIF': 'L P',
            'TGA': 'RGB L RGBA', 'PPM': 'RGB L 1', 'SGI': 'RGB L RGBA', 'PCX': 'RGB L P 1', 'QOI': 'RGB RGBA', 'ICO': 'RGB RGBA'}

@pytest.mark.parametrize('kind, mode', [(k, o) for k,v in LOSSLESS.items() for o in v.split()])
def test_colours_of_all_kinds(tmp_path, kind, mode):
    "Whatever the format and its mode: the colours that were saved, within what the mode can say"
    im = Image.new('RGB', (32,32), (230,40,60))
    im.paste((20,60,200), (0,0,16,32))
    saved = im.convert('L').convert(mode) if mode in ('I','F','I;16') else im.convert(mode)
    if mode=='I;16': saved = Image.fromarray(np.array(im.convert('L')).astype(np.uint16)*257)
    if mode in 'IF': saved.putpixel((31,31), 0) ; saved.putpixel((31,30), 255)  # their range
    saved.save(tmp_path/'x', kind)
    want = im if 'L' not in mode.replace('LAB','') and mode not in ('1','I','F','I;16') else im.convert('L').convert('RGB')
    if mode in '1P': want = saved.convert('RGB')
    assert abs(array(load_image(tmp_path/'x'))-array(want))[:30].max()<=(9 if mode in ('LAB','YCbCr') else 2)

def test_damaged_pixels_are_no_damaged_metadata(tmp_path):
    "A stream that breaks in the middle: half a picture is not passed as a whole one"
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64,64,3), dtype=np.uint8))
    for suffix in ('jpg','png'):
        noise.save(tmp_path/f'x.{suffix}')
        data = bytearray((tmp_path/f'x.{suffix}').read_bytes())
        middle = len(data)//2
        data[middle:middle+4] = b'\xff\xc4\0\5' if suffix=='jpg' else bytes(4)
        (tmp_path/f'x.{suffix}').write_bytes(data)
        with pytest.raises(OSError): Image.open(tmp_path/f'x.{suffix}').load()
        with pytest.raises(ValueError, match=f'x.{suffix}: got a damaged file'): load_image(tmp_path/f'x.{suffix}')

def test_damaged_files(tmp_path):
    sheet().save(tmp_path/'good.png')
    sheet().save(tmp_path/'good.jpg')
    png,jpg = [(tmp_path/f'good.{o}').read_bytes() for o in ('png','jpg')]
    starts = b'\xff\xd8\xff\xe0'+bytes(50),b'GIF89a'+bytes(9)
    for i,data in enumerate((b'', b'hello', png[:len(png)//2], png[:-20], jpg[:len(jpg)//2], *starts)):
        (tmp_path/f'{i}.png').write_bytes(data)
        with pytest.raises(ValueError, match=f'{i}.png: got a damaged file or no picture'): load_image(tmp_path/f'{i}.png')

def test_files_that_can_not_be_read(tmp_path):
    "That is no damage, and its error has the file's name: nothing there, a folder, no permission, a name that is too long"
    os.symlink(tmp_path/'loop', tmp_path/'loop')
    for bad,error in (('none.png', FileNotFoundError), ('.', IsADirectoryError), ('n'*300, OSError), ('loop', OSError)):
        for read in (load_image, ImageReader(size=8)):
            with pytest.raises(error) as e: read(tmp_path/bad)
            assert e.value.filename in (tmp_path/bad, str(tmp_path/bad))

@pytest.mark.skipif(os.name=='nt' or getattr(os, 'getuid', lambda: 1)()==0, reason='a file that even the administrator may read')
def test_a_file_without_permission(tmp_path):
    sheet().save(tmp_path/'x.png')
    (tmp_path/'x.png').chmod(0)
    with pytest.raises(PermissionError, match='x.png'): read_images([tmp_path/'x.png'], ImageReader(), 'skip')

class Failing(io.FileIO):
    "A disk that fails after the first bytes of a file"
    error: BaseException
    def readinto(self, b):
        if self.tell()>20: raise self.error
        return super().readinto(memoryview(b)[:21])

@pytest.mark.parametrize('number, error', [(errno.EIO, OSError), (errno.ESTALE, OSError), (errno.EINVAL, ValueError), (None, ValueError)])
def test_a_disk_that_fails(tmp_path, monkeypatch, number, error):
    "While a picture is decoded: that is no damage either, whereas a decoder that seeks to nowhere has met some"
    sheet().save(tmp_path/'x.png')
    Failing.error = OSError(number, 'broken') if number else OSError('broken')
    monkeypatch.setattr(images, 'open', lambda path, mode: io.BufferedReader(Failing(path), 8), raising=False)
    with pytest.raises(error, match='x.png') as e: load_image(tmp_path/'x.png')
    assert number is None or error is ValueError or e.value.errno==number

def test_mangled_pcx(tmp_path, capfd):
    "Pillow looks for its palette before the beginning of the file, which the system refuses with a number"
    folder_of(tmp_path)
    im = Image.new('P', (9,9))
    im.save(tmp_path/'flat/cut.pcx')
    (tmp_path/'flat/cut.pcx').write_bytes((tmp_path/'flat/cut.pcx').read_bytes()[:200])
    with pytest.raises(ValueError, match='cut.pcx: got a damaged file'): load_image(tmp_path/'flat/cut.pcx')
    assert ImageDataLoaders.from_folder(tmp_path, damaged='skip').train.n==10
    assert capfd.readouterr().err=='fastfound: skipped 1 damaged file: flat/cut.pcx\n'

def test_a_picture_that_is_too_large(tmp_path, monkeypatch, capfd):
    "Its size is told, and what is allowed; it is not called damaged, and left out only if you say so"
    folder_of(tmp_path)
    sides = dict(gif=80, png=70, tif=90)
    for suffix,side in sides.items(): Image.new('L', (side,50)).save(tmp_path/f'flat/large.{suffix}')
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 1700)
    for suffix,side in sides.items():
        with pytest.raises(LargePicture, match=f'large.{suffix}: got a picture of {side} by 50 pixels, wanted at most 3,400 in all; PIL'):
            load_image(tmp_path/f'flat/large.{suffix}')
    paths = [o for o,_ in labelled_files(tmp_path)]
    with pytest.raises(ValueError, match=r'got 3 too large of 15 pictures, wanted smaller ones; .* or remove flat/large.gif, .*80 by 50'):
        read_images(paths, ImageReader(size=8))
    assert len(read_images(paths, ImageReader(size=8), 'skip')[1])==12
    assert capfd.readouterr().err=='fastfound: skipped 3 too large pictures: flat/large.gif, flat/large.png, flat/large.tif\n'

def test_no_memory_is_no_damage(tmp_path, monkeypatch):
    sheet().save(tmp_path/'x.png')
    def load(self): raise MemoryError
    monkeypatch.setattr(Image.Image, 'convert', lambda self, mode: load(self))
    with pytest.raises(MemoryError, match='x.png: got a picture that there is no memory for'):
        read_images([tmp_path/'x.png'], ImageReader(), 'skip')

def test_large_pictures_are_not_all_decoded_at_once(tmp_path, monkeypatch):
    "Together they take no more than there is room for; one that wants more is alone"
    for i,side in enumerate((10,20,30)*4): Image.new('L', (side,20)).save(tmp_path/f'{i:02}.png')
    room,seen,now,lock = images._Room(4*1000),[],[],threading.Lock()
    def viewed(im, channels):
        with lock:
            now.append(4*im.width*im.height)
            seen.append((sum(now), len(now)))
        time.sleep(0.02)
        with lock: now.remove(4*im.width*im.height)
        return im.convert('RGB')
    monkeypatch.setattr(images, '_room', room)
    monkeypatch.setattr(images, '_SMALL', 0)
    monkeypatch.setattr(images, 'as_viewed', viewed)
    monkeypatch.setattr(os, 'cpu_count', lambda: 12)
    threads = [threading.Thread(target=load_image, args=(o,)) for o in sorted(tmp_path.iterdir())]
    for o in threads: o.start()
    for o in threads: o.join()
    assert len(seen)==12 and all(total<=4000 for total,_ in seen) and max(n for _,n in seen)>1 and room.taken==0
    room.size = 2000
    seen.clear()
    threads = [threading.Thread(target=load_image, args=(o,)) for o in sorted(tmp_path.iterdir())]
    for o in threads: o.start()
    for o in threads: o.join()
    assert all(total<=2000 or n==1 for total,n in seen) and len(seen)==12
    with pytest.raises(ValueError): load_image(__file__)
    assert room.taken==0

@pytest.mark.parametrize('mode', ['L','RGB','RGBA','LA','CMYK','P','1','I;16'])
def test_a_large_picture_is_averaged_down(tmp_path, monkeypatch, mode):
    "It comes out as if all its pixels had been resized, and upright"
    monkeypatch.setattr(images, '_LARGE', 0)
    yy,xx = np.mgrid[:413,:527]/500
    grey = Image.fromarray((255*(0.5+0.5*np.sin(9*xx+5*yy*yy))).astype(np.uint8))
    im = Image.fromarray(np.array(grey).astype(np.uint16)*257) if mode=='I;16' else grey.convert(mode)
    exif = Image.Exif()
    exif[0x0112] = 8
    im.save(tmp_path/('x.tif' if mode=='CMYK' else 'x.png'), **{} if mode=='CMYK' else dict(exif=exif))
    want = im if mode=='CMYK' else im.transpose(Image.Transpose.ROTATE_90)
    for how in (dict(size=32), dict(size=(16,20), method='squish')):
        got = ImageReader(**how)(next(tmp_path.iterdir()))
        assert abs(got.int()-ImageReader(**how)(want).int()).max()<=2

def test_readers_do_not_run_far_ahead():
    "What nobody has taken yet is not kept without end"
    from concurrent.futures import ThreadPoolExecutor
    read = []
    with ThreadPoolExecutor(2) as pool:
        for i,x in enumerate(images._ahead(pool, lambda o: read.append(o) or o, [[i,i+1] for i in range(0, 100, 2)], 4)):
            assert x==i and len(read)<=i+2*5
    assert sorted(read)==list(range(100))

@settings(max_examples=60)
@given(*[st.integers(1,40)]*4, st.sampled_from(['crop','pad','squish']), st.sampled_from([1,3]))
def test_any_size_becomes_the_one_wanted(h, w, oh, ow, method, channels):
    "Whatever the sizes, the shape is right; one colour stays that colour; a picture of the right size is not touched"
    im = Image.new('RGB', (w,h), (10,200,90))
    x = ImageReader(channels, (oh,ow), method)(im)
    assert x.shape==(channels,oh,ow) and x.dtype==torch.uint8
    assert x.flatten(1).unique(dim=1).shape[1]==1
    noise = np.random.default_rng(0).integers(0, 256, (oh,ow,3), dtype=np.uint8)
    if channels==3: assert (ImageReader(3, (oh,ow), method)(noise).permute(1,2,0).numpy()==noise).all()

def test_crop_keeps_the_middle_and_pad_keeps_all():
    im = Image.new('RGB', (80,40), 'blue')
    ImageDraw.Draw(im).rectangle((20,0,59,39), fill='red')
    crop,pad,squish = [ImageReader(size=40, method=o)(im) for o in ('crop','pad','squish')]
    assert (crop[0]==255).all() and (crop[2]==0).all()
    assert (pad[2,:10]==255).all() and (pad[2,-10:]==255).all() and (pad[0]>127).sum()==20*20  # the margin has the colour of the border
    assert (squish[0]>127).sum()==40*20

def test_options_of_a_reader():
    for kw in (dict(channels=4), dict(method='stretch'), dict(size=0), dict(size=(1.5,2)), dict(size=(3,4,5))):
        name,value = next(iter(kw.items()))
        with pytest.raises(ValueError) as e: ImageReader(**kw)
        assert f'{name}={value!r}' in str(e.value) and 'wanted 1 or 3 channels, a size of one or two numbers' in str(e.value)
    assert ImageReader(size=5)==ImageReader(size=(5,5))==ImageReader(size=[5,5]) and ImageReader(1, 5).shape==(1,5,5)

# Folders

def folder_of(path, *splits, classes=('flat','tall'), n=6, size=(40,40)):
    "Pictures of bars in `path`, in folders of `splits` if there are any"
    for split in splits or ('',):
        for c in classes:
            (path/split/c).mkdir(parents=True)
            for i in range(n):
                im = Image.new('RGB', size)
                ImageDraw.Draw(im).rectangle((5,8+i,34,12+i) if c=='flat' else (8+i,5,12+i,34), fill=(200+i,50,0))
                im.save(path/split/c/f'{i}.png')
    return path

def labels_of(dls): return [[dls.vocab[i] for i in dl.dataset[1]] for dl in (dls.train, dls.valid)]

def test_batches(tmp_path):
    "The pixels of the files divided by 255; class numbers in the order of the names; rows in the order of the files"
    dls = ImageDataLoaders.from_folder(folder_of(tmp_path, 'train', 'valid'), bs=5)
    xb,yb = dls.one_batch()
    assert xb.shape==(5,3,40,40) and xb.dtype==torch.float32 and yb.dtype==torch.int64 and dls.vocab==['flat','tall']
    assert [len(o) for o in (dls.train,dls.valid)]==[3,2] and (dls.train.shuffle,dls.valid.shuffle)==(True,False)
    x,y = next(iter(dls.valid))
    for i,o in enumerate(dls.files[1][:10]):
        near(x[i], torch.tensor(np.array(Image.open(o))).permute(2,0,1)/255)
        assert dls.vocab[y[i]]==o.parent.name
    assert dls.name(1)=='tall'

def test_names_and_hidden_files(tmp_path, capfd):
    "Spaces, letters of any alphabet, capital suffixes, links, hidden files, other files"
    folder_of(tmp_path, 'train', 'valid', classes=('Žába žlutá','日本 語'))
    train = tmp_path/'train'
    (train/'日本 語'/'0.png').rename(train/'日本 語'/'naïve – photo (1).PNG')
    for o in ('.ipynb_checkpoints', '__MACOSX'):
        (train/o).mkdir()
        shutil.copy(train/'日本 語'/'1.png', train/o)
    (train/'日本 語'/'._1.png').write_bytes(b'resource fork')
    (train/'日本 語'/'notes.txt').write_text('')
    os.symlink(train/'日本 語'/'1.png', train/'日本 語'/'link.png')
    os.symlink(train/'Žába žlutá', tmp_path/'elsewhere')
    dls = ImageDataLoaders.from_folder(tmp_path)
    assert dls.vocab==['Žába žlutá','日本 語'] and dls.train.n==13
    assert capfd.readouterr().err=='fastfound: skipped 1 non-image file: 日本 語/notes.txt\n'
    assert len(get_image_files(tmp_path))==25 and get_image_files(tmp_path/'elsewhere')[0].name=='0.png'
    (tmp_path/'round').mkdir()
    os.symlink(tmp_path, tmp_path/'round'/'again')  # a link to itself ends
    assert len(get_image_files(tmp_path))==25

def test_damaged_in_folder(tmp_path, capfd):
    "All damaged files are named at once, or left out with a notice; the rows that remain keep their labels and files"
    folder_of(tmp_path, 'train', 'valid')
    for o in ('train/flat/1.png', 'valid/tall/4.png'): (tmp_path/o).write_bytes((tmp_path/o).read_bytes()[:50])
    with pytest.raises(ValueError, match="got 2 damaged of 24 pictures.*flat/1.png, tall/4.png, or leave them out with damaged='skip'"):
        ImageDataLoaders.from_folder(tmp_path)
    for cache_bytes in (2**30, 0):
        dls = ImageDataLoaders.from_folder(tmp_path, damaged='skip', cache_bytes=cache_bytes)
        assert (dls.train.n,dls.valid.n)==(11,11) and capfd.readouterr().err=='fastfound: skipped 2 damaged files: flat/1.png, tall/4.png\n'
        (x,y),files = next(iter(dls.valid)),dls.files[1]
        for i,o in enumerate(files): near(x[i], dls.read(o)/255) ; assert dls.vocab[y[i]]==o.parent.name
    for o in (tmp_path/'valid').glob('*/*.png'): o.write_bytes(b'')
    with pytest.raises(ValueError, match='wanted at least one'): ImageDataLoaders.from_folder(tmp_path, damaged='skip')
    for o in (tmp_path/'train').glob('*/*.png'): o.write_bytes(b'')
    with pytest.raises(FileNotFoundError):
        ImageDataLoaders.from_lists(tmp_path, ['train/flat/0.png','train/flat/2.png','none.png','nor.png'], [*'aabb'], damaged='skip')
    with pytest.raises(ValueError, match='got 24 damaged of 24 pictures.*flat/0.png'): ImageDataLoaders.from_folder(tmp_path)
    with pytest.raises(ValueError, match='got 24 damaged or blank pictures, such as flat/0.png'):
        ImageDataLoaders.from_folder(tmp_path, damaged='skip')
    with pytest.raises(ValueError, match="got damaged='ignore'"): ImageDataLoaders.from_folder(tmp_path, damaged='ignore')

def test_unequal_sizes(tmp_path):
    folder_of(tmp_path, 'train', 'valid')
    Image.new('RGB', (30,50)).save(tmp_path/'valid/tall/3.png')
    message = r'tall/3.png: got a picture of 50 by 30 pixels \(height by width\) and others of 40 by 40, wanted one size for all; size='
    with pytest.raises(ValueError, match=message):
        ImageDataLoaders.from_folder(tmp_path, damaged='skip')
    assert ImageDataLoaders.from_folder(tmp_path, size=(20,24)).one_batch()[0].shape==(12,3,20,24)

@pytest.mark.parametrize('names, parts', [
    (('train','valid'), 'train valid'), (('train','val'), 'train valid'), (('Training','Validation'), 'train valid'),
    (('train','dev'), 'train valid'), (('train','test'), 'train test'),
    (('training','testing'), 'train test'), (('train','val','test'), 'train valid test'), (('train',), 'train'), ((), 'train')])
def test_usual_divisions(tmp_path, names, parts):
    "A division is kept; without a part for validation, a fifth of each class is put aside, and what is for testing stays so"
    folder_of(tmp_path, *names)
    assert {k: len(labelled_files(v)) for k,v in folder_parts(tmp_path).items()}==dict.fromkeys(parts.split(), 12)
    dls = ImageDataLoaders.from_folder(tmp_path)
    assert dls.vocab==['flat','tall'] and (dls.train.n,dls.valid.n)==((12,12) if 'valid' in parts else (10,2))
    assert not any(o.parts[-3] in ('test','testing') for files in dls.files for o in files)

def test_pictures_to_test_on_may_have_no_labels(tmp_path):
    "As in competitions: nobody looks at them"
    folder_of(tmp_path, 'train')
    (tmp_path/'test').mkdir()
    Image.new('RGB', (40,40)).save(tmp_path/'test/1.png')
    dls = ImageDataLoaders.from_folder(tmp_path)
    assert (dls.train.n,dls.valid.n)==(10,2)

def test_names_that_are_given(tmp_path):
    folder_of(tmp_path, 'training', 'testing', 'photos')
    def folders(**kw): return [{o.parts[-3] for o in files} for files in ImageDataLoaders.from_folder(tmp_path, **kw).files]
    assert folders()==[{'training'},{'training'}] and folders(valid='testing')==folders(valid='test')==[{'training'},{'testing'}]
    assert folders(train='photos', valid='test')==[{'photos'},{'testing'}]
    for kw in (dict(train='pictures'), dict(valid='holdout')):
        with pytest.raises(ValueError, match='got the folders photos, testing, training, wanted .*train= and valid= give other names'):
            folders(**kw)

def test_unknown_layouts(tmp_path):
    with pytest.raises(FileNotFoundError, match='none'): ImageDataLoaders.from_folder(tmp_path/'none')
    folder_of(tmp_path/'a', 'val', 'test')
    with pytest.raises(ValueError, match='got the folders test, val, wanted train and valid'): ImageDataLoaders.from_folder(tmp_path/'a')
    folder_of(tmp_path/'b', classes=('train','flat'))  # a class may be called like that
    assert ImageDataLoaders.from_folder(tmp_path/'b').vocab==['flat','train']
    folder_of(tmp_path/'c', classes=('train','valid'))
    with pytest.raises(ValueError, match='c/train: got no pictures, wanted a folder of pictures for each class'):
        ImageDataLoaders.from_folder(tmp_path/'c')
    folder_of(tmp_path/'d', 'train', 'valid')
    (tmp_path/'d/train/empty').mkdir()
    with pytest.raises(ValueError, match='train/empty: got no pictures'): ImageDataLoaders.from_folder(tmp_path/'d')
    (tmp_path/'e').mkdir()
    with pytest.raises(ValueError, match='e: got no pictures'): ImageDataLoaders.from_folder(tmp_path/'e')
    folder_of(tmp_path/'f', 'train', 'valid', classes=('flat',))
    with pytest.raises(ValueError, match=r"got 6 pictures of \['flat'\] to train on and 6 to validate on, wanted two classes or more"):
        ImageDataLoaders.from_folder(tmp_path/'f')
    folder_of(tmp_path/'g', 'train', 'valid')
    os.rename(tmp_path/'g/valid/flat', tmp_path/'g/valid/round')
    with pytest.raises(ValueError, match='got pictures of round, wanted only flat, tall'): ImageDataLoaders.from_folder(tmp_path/'g')
    assert ImageDataLoaders.from_folder(tmp_path/'g', vocab=['tall','round','flat']).vocab==['tall','round','flat']

def test_the_same_fifth_each_time(tmp_path):
    "Whatever random numbers were drawn before; nothing is on both sides"
    folder_of(tmp_path, n=11)
    def split(before, **kw):
        set_seed(before)
        return ImageDataLoaders.from_folder(tmp_path, **kw).files
    assert split(1)==split(2)!=split(1, seed=1)==split(2, seed=1) and [len(o) for o in split(1)]==[18,4]
    assert not set(split(1)[0])&set(split(1)[1])
    assert split(1)[1]==[o for o,_ in put_aside(labelled_files(tmp_path))[1]]

def test_small_classes_are_on_both_sides():
    "Whatever the fraction: at least one picture of each class to train on, and one to validate on where there are two"
    pairs = [(f'{label}{i}', label) for label,n in (('a',100), ('b',4), ('c',2), ('d',1)) for i in range(n)]
    for pct in (0.01, 0.2, 0.99):
        train,valid = put_aside(pairs, pct, 1)
        assert sorted(train+valid)==sorted(pairs) and {o for _,o in train}=={*'abcd'} and {o for _,o in valid}=={*'abc'}
    with pytest.raises(ValueError, match='to train on and 0 to validate on'): ImageDataLoaders.from_lists('', ['1.png','2.png'], ['a','b'])

def test_random_split(tmp_path):
    "The same seed, the same split; nothing is on both sides; one folder for each class, or folders that are divided already"
    folder_of(tmp_path/'a', n=10)
    def split(path, **kw):
        dls = ImageDataLoaders.from_folder(path, valid_pct=0.3, **kw)
        return [[o.relative_to(path) for o in files] for files in dls.files]
    one,two,other = split(tmp_path/'a', seed=1),split(tmp_path/'a', seed=1),split(tmp_path/'a', seed=2)
    assert one==two!=other and [len(o) for o in one]==[14,6] and not set(one[0])&set(one[1])
    set_seed(5); a = split(tmp_path/'a')
    set_seed(5); assert a==split(tmp_path/'a')
    folder_of(tmp_path/'b', 'train', 'valid', n=5)
    assert [len(o) for o in split(tmp_path/'b')]==[14,6]
    assert [len(o) for o in split(tmp_path/'b', seed=3)]==[14,6]
    for pct in (0, 1, -0.5, 1.5):
        with pytest.raises(ValueError, match='wanted a number between 0 and 1'): ImageDataLoaders.from_folder(tmp_path/'a', valid_pct=pct)

@pytest.mark.parametrize('labels, vocab', [
    ([11,2,0,10,1,9], [0,1,2,9,10,11]), ([*map(str, [11,2,0,10,1,9])], [*'0129','10','11']), ([*map(np.int64, [10,9,2])], [2,9,10]),
    ([*map(np.str_, '10 9 2'.split())], ['2','9','10']), (['-1','10','+3','-20'], ['-20','-1','+3','10']),
    (['010','9','10'], ['9','010','10']), ([10,'9',2], [2,'9',10]), ([2.5,10.,1.5], [1.5,2.5,10.]),
    (['1','10','2','a'], ['1','10','2','a']),
    ([True,False], [False,True]),
    (['b',1], [1,'b']), (['v10','v9'], ['v10','v9'])], ids=str)
def test_order_of_classes(tmp_path, labels, vocab):
    "Whole numbers by size, as numbers and as text; names as text"
    names = [f'{i}.png' for i in range(2*len(labels))]
    for o in names: Image.new('L', (4,4)).save(tmp_path/o)
    dls = ImageDataLoaders.from_lists(tmp_path, names, labels*2, seed=1)
    assert dls.vocab==vocab
    for dl,files in zip((dls.train, dls.valid), dls.files):
        assert [dls.vocab[i] for i in dl.dataset[1]]==[(labels*2)[int(o.stem)] for o in files]
    if all(isinstance(o, str) for o in labels):
        folder_of(tmp_path/'f', classes=[*map(str, labels)], n=2)
        assert ImageDataLoaders.from_folder(tmp_path/'f').vocab==vocab
        assert ImageDataLoaders.from_folder(tmp_path/'f', vocab=sorted(labels)).vocab==sorted(labels)  # as an older model has it

@pytest.mark.parametrize('label', [None, float('nan'), np.float64('nan'), ['a','b'], {}])
def test_labels_that_are_missing(tmp_path, label):
    "As pandas reads an empty field"
    folder_of(tmp_path)
    with pytest.raises(ValueError, match=r'got the label .* for flat/3.png, wanted one text or number for each'):
        ImageDataLoaders.from_lists(tmp_path, [f'flat/{i}.png' for i in range(6)], ['a','b','a',label,'b','a'])

def test_classes_that_are_not_on_both_sides_are_told(tmp_path, capfd):
    "One with a single picture, one that a division leaves out, one whose pictures are damaged, and one that only the vocab has"
    def told(path, **kw):
        ImageDataLoaders.from_folder(path, **kw)
        return capfd.readouterr().err
    folder_of(tmp_path/'a', classes=('flat','tall','wide'), n=4)
    assert told(tmp_path/'a')==''
    for i in (1,2,3): (tmp_path/f'a/wide/{i}.png').unlink()
    assert told(tmp_path/'a')=='fastfound: no pictures to validate on: wide\n'
    two = told(tmp_path/'a', vocab=['flat','tall','wide','x'])
    assert two=='fastfound: no pictures to train on: x\nfastfound: no pictures to validate on: wide, x\n'
    folder_of(tmp_path/'b', 'train', 'valid', classes=('flat','tall','wide'), n=2)
    for o in (tmp_path/'b/valid/wide').iterdir(): o.write_bytes(b'')
    assert told(tmp_path/'b', damaged='skip').endswith('fastfound: no pictures to validate on: wide\n')
    many = [str(i) for i in range(9)]
    folder_of(tmp_path/'c', classes=many, n=1)
    folder_of(tmp_path/'c', classes=['z'], n=2)
    assert told(tmp_path/'c')=='fastfound: no pictures to validate on: 0, 1, 2, 3, 4 and 4 more\n'

def test_labels_from_names(tmp_path):
    "As in the first chapter of the fastai book: a label may be any value, such as a bool"
    for i in range(10): sheet().save(tmp_path/f"{'Cat' if i%2 else 'dog'}_{i}.jpg")
    files = get_image_files(tmp_path)
    dls = ImageDataLoaders.from_name_func(tmp_path, files, valid_pct=0.2, seed=42, label_func=lambda name: name[0].isupper(), size=32)
    assert dls.vocab==[False,True] and (dls.train.n,dls.valid.n)==(8,2) and dls.one_batch()[0].shape==(8,3,32,32)
    for labels,files in zip(labels_of(dls), dls.files): assert labels==[o.name[0].isupper() for o in files]
    dls = ImageDataLoaders.from_lists(tmp_path, [f'dog_{i}.jpg' for i in (0,2,4)], ['a','b','a'], size=8)
    assert dls.vocab==['a','b'] and (dls.train.n,dls.valid.n)==(2,1)
    dls = ImageDataLoaders.from_name_re(tmp_path, get_image_files(tmp_path), r'^([A-Za-z]+)_\d', size=8)
    assert dls.vocab==['Cat','dog'] and all(dls.vocab[i]==o.name[:3] for i,o in zip(dls.train.dataset[1], dls.files[0]))
    with pytest.raises(ValueError, match='got the file Cat_1.jpg, wanted a name in which'):
        ImageDataLoaders.from_name_re(tmp_path, ['Cat_1.jpg'], r'^(\d+)')
    with pytest.raises(ValueError, match='got 2 files and 1 labels'):
        ImageDataLoaders.from_lists(tmp_path, ['dog_0.jpg','dog_2.jpg'], ['a'])
    numbers = [11,2,0,10,1,9]*2
    dls = ImageDataLoaders.from_lists(tmp_path, [f'dog_{i%5*2}.jpg' for i in range(12)], numbers, size=8)
    assert dls.vocab==[0,1,2,9,10,11]  # in the order of numbers, not of text
    assert label_numbers([2,11], dls.vocab).tolist()==[2,5]
    dls = ImageDataLoaders.from_lists(tmp_path, [f'dog_{i}.jpg' for i in (0,2,4,6)], ['a',1]*2, size=8)
    assert dls.vocab==[1,'a']  # what has no order is sorted as text

def test_a_last_batch_of_one_is_left_out(tmp_path):
    "Batch normalisation can't train on it; other short batches are kept"
    dls = ImageDataLoaders.from_folder(folder_of(tmp_path, 'train', 'valid'), bs=11, size=32)
    assert [len(y) for _,y in dls.train]==[11] and sum(len(y) for _,y in dls.valid)==12
    assert [len(y) for _,y in ImageDataLoaders.from_folder(tmp_path, bs=5).train]==[5,5,2]
    vision_learner(dls, resnet18).fit(1, quiet=True)

@pytest.mark.long
def test_streamed_from_files(tmp_path):
    "Where there is no room for all pixels: the same batches, with and without workers"
    folder_of(tmp_path, 'train', 'valid')
    batches = []
    for kw in ({}, {'cache_bytes': 0}, {'cache_bytes': 0, 'num_workers': 1}):
        dls = ImageDataLoaders.from_folder(tmp_path, bs=4, **kw)
        set_seed(0)
        batches.append([*dls.valid, *dls.train])
    for other in batches[1:]: assert all(torch.equal(a, c) and torch.equal(b, d) for (a,b),(c,d) in zip(batches[0][:2], other[:2]))
    for (a,b),(c,d) in zip(*batches[1:]): assert torch.equal(a, c) and torch.equal(b, d)
    assert all(x.dtype==torch.float32 and y.dtype==torch.int64 and x.max()<=1 for o in batches for x,y in o)

# Readers

def test_other_files_among_pictures(tmp_path, capfd):
    "What the system and editors leave is passed over silently; what is no picture is named, also where Pillow knows its suffix"
    folder_of(tmp_path)
    (tmp_path/'notes.txt').write_text('')
    (tmp_path/'flat/.DS_Store').write_bytes(b'')
    before = ImageDataLoaders.from_folder(tmp_path)
    assert capfd.readouterr().err==''
    for o in ('flat/notes.txt', 'tall/Thumbs.db', 'flat/clip.mpg', 'tall/features.h5'): (tmp_path/o).write_bytes(b'no picture')
    after = ImageDataLoaders.from_folder(tmp_path)
    assert torch.equal(before.train.dataset[0], after.train.dataset[0])
    assert capfd.readouterr().err=='fastfound: skipped 4 non-image files: flat/clip.mpg, flat/notes.txt, tall/Thumbs.db, tall/features.h5\n'

@pytest.mark.parametrize('suffix', 'mpg mpeg h5 hdf grib bufr wmf emf ps eps pdf palm txt heic mp4 svg'.split())
def test_suffixes_that_only_sound_like_pictures(tmp_path, capfd, monkeypatch, suffix):
    "Formats that Pillow knows by name, or writes and can't read, or leaves to a program that is not there"
    monkeypatch.setattr(EpsImagePlugin, 'has_ghostscript', lambda: False)
    monkeypatch.setattr(images, '_suffixes', images._suffixes.__wrapped__)
    folder_of(tmp_path)
    for name in (f'x.{suffix}', f'Y.{suffix.upper()}'): (tmp_path/'flat'/name).write_bytes(b'GRIB'+bytes(90))
    assert ImageDataLoaders.from_folder(tmp_path).train.n==10
    assert capfd.readouterr().err==f'fastfound: skipped 2 non-image files: flat/Y.{suffix.upper()}, flat/x.{suffix}\n'

def test_suffixes_of_pictures(monkeypatch):
    monkeypatch.setattr(images, '_suffixes', images._suffixes.__wrapped__)
    for ghostscript in (True, False):
        monkeypatch.setattr(EpsImagePlugin, 'has_ghostscript', lambda: ghostscript)
        for o in 'png jpg jpeg gif bmp tif webp ppm tga jfif PNG JpeG'.split(): assert is_picture(images.Path(f'x.{o}'))
        assert is_picture(images.Path('x.eps'))==ghostscript

def test_the_reason_is_told(tmp_path):
    "Of the first file, so a fault in a reader of one's own is not taken for damage"
    folder_of(tmp_path)
    def read(path): raise ValueError('the threshold is negative')
    with pytest.raises(ValueError, match='got 12 damaged of 12 pictures.*; the first: the threshold is negative'):
        ImageDataLoaders.from_folder(tmp_path, read=read)

def test_a_pass_over_files_goes_on_after_an_error(tmp_path):
    dl = ImageDataLoader([(None,0), ('x',1)], 1, collate_fn=lambda items: (torch.zeros(1), items[0][0].upper()))
    it = iter(dl)
    with pytest.raises(AttributeError): next(it)
    assert next(it)[1]=='X'

def test_digits_take_the_same_road(tmp_path, capfd):
    "A reader that frames digits: blank pictures are skipped with a notice, damaged ones named, all in threads, from memory and from files"
    folder_of(tmp_path, 'train', 'val')
    Image.new('L', (9,9)).save(tmp_path/'train/flat/empty.png')
    for kw in ({}, {'cache_bytes': 0}):
        dls = ImageDataLoaders.from_folder(tmp_path, read=DigitReader(), **kw)
        assert (dls.train.n,dls.valid.n)==(12,12) and capfd.readouterr().err=='fastfound: skipped 1 blank picture: flat/empty.png\n'
        (x,y),files = next(iter(dls.valid)),dls.files[1]
        assert x.shape==(12,1,28,28) and [dls.vocab[i] for i in y]==[o.parent.name for o in files]
        for o,file in zip(x, files): assert torch.equal(o, DigitReader()(file)/255) and torch.equal(o, dls.as_batch(file)[0][0])
    (tmp_path/'val/tall/2.png').write_bytes(b'hello')
    with pytest.raises(ValueError, match='got 1 damaged of 25 pictures, wanted whole ones; mend or remove tall/2.png'):
        ImageDataLoaders.from_folder(tmp_path, read=DigitReader())

def test_readers_of_the_wrong_kind(tmp_path):
    folder_of(tmp_path)
    for read,message in (('grey', "got read='grey'"), (lambda path: 5, 'got a reader that returns a int'),
                         (lambda path: torch.zeros(1,4,4), 'got a reader that returns a Tensor'),
                         (lambda path: torch.zeros(4,4).byte(), 'wanted one that returns uint8 tensors')):
        with pytest.raises(TypeError, match=message): ImageDataLoaders.from_folder(tmp_path, read=read)
    with pytest.raises(TypeError, match=r"and \['size'\], wanted a function from a path to a tensor, or such options"):
        ImageDataLoaders.from_folder(tmp_path, read=ImageReader(), size=5)
    with pytest.raises(TypeError, match='item_tfms'): ImageDataLoaders.from_folder(tmp_path, item_tfms=None)
    own = ImageDataLoaders.from_folder(tmp_path, read=lambda path: torch.full((1,4,4), int(path.stem), dtype=torch.uint8))
    assert own.one_batch()[0].shape==(10,1,4,4)
    with pytest.raises(ValueError, match="got damaged='ignore'"): read_images([tmp_path/'flat/0.png'], ImageReader(), 'ignore')

@pytest.mark.parametrize('bad', [None, 5, 1.5, [1,2], b'x', {}], ids=repr)
def test_paths_and_labels_that_are_none(bad):
    "The function and the argument are named"
    for f in (load_image, get_image_files, labelled_files, folder_parts, is_picture, ImageDataLoaders.from_folder, ImageReader()):
        with pytest.raises((TypeError,ValueError), match='got .*, wanted'): f(bad)
    for f in (put_aside, as_viewed, lambda o: put_aside([('a','a')]*2, o or 'x'), lambda o: ImageReader(size=[o])):
        if bad!={} or f is not put_aside:
            with pytest.raises((TypeError,ValueError), match='got .*, wanted'): f(bad)

@pytest.mark.parametrize('make', [
    torch.tensor, lambda labels: list(map(torch.tensor, labels)), np.array, lambda labels: pd.Series(labels, dtype='Int64'),
    lambda labels: pd.Series(labels, index=range(9, 9-len(labels), -1))], ids=['tensor', 'tensors', 'array', 'Int64', 'Series'])
def test_labels_of_other_libraries_are_plain_numbers(tmp_path, make):
    names = drawings_of(tmp_path, 8)
    labels = [10,2]*4
    dls = ImageDataLoaders.from_lists(tmp_path, names, make(labels), seed=np.int64(3), valid_pct=np.float32(0.25))
    assert dls.vocab==[2,10] and {type(o) for o in dls.vocab}=={int} and dls.train.n==6
    want = dict(zip(names, labels))
    for dl,files in zip((dls.train,dls.valid), dls.files): assert [dls.vocab[y] for y in dl.dataset[1]]==[want[o.name] for o in files]
    assert label_numbers(make(labels), torch.tensor([2,10])).tolist()==[1,0]*4

def drawings_of(folder, n):
    for i in range(n): Image.new('L', (4,4), 9*i).save(folder/f'{i}.png')
    return [f'{i}.png' for i in range(n)]

@pytest.mark.parametrize('missing, dtype', [(None,'Int64'), (None,'string'), (float('nan'),'float'), (None,'datetime64[ns]')])
def test_labels_that_pandas_lacks(tmp_path, missing, dtype):
    labels = pd.Series([1,missing,1,1], dtype=dtype) if dtype!='string' else pd.Series(['1',missing,'1','1'], dtype=dtype)
    pairs = [(tmp_path/f'{i}.png', o) for i,o in enumerate(labels)]
    with pytest.raises(ValueError, match=r'got the label .* for .*1\.png, wanted'): put_aside(pairs)

@pytest.mark.parametrize('vocab', [[0,1,0], ['1',1,0], np.array([1,1,0])], ids=repr)
def test_classes_of_one_name_are_refused(vocab):
    with pytest.raises(ValueError, match='wanted another name for each class'): label_numbers([0,1], vocab)

def test_seeds_that_are_none():
    for seed in (True, 1.5): pytest.raises((TypeError,ValueError), put_aside, [('a',0), ('b',0)], 0.5, seed)

@pytest.mark.parametrize('channels', [1,3])
def test_pictures_of_another_colour_space(tmp_path, channels):
    "A TIFF in Lab is no damaged file, in grey either"
    sheet().convert('LAB').save(tmp_path/'x.tif')
    got,want = load_image(tmp_path/'x.tif', channels),sheet().convert('RGB' if channels==3 else 'L')
    assert abs(array(got)-array(want)).mean()<3

@pytest.mark.skipif(not hasattr(os, 'mkfifo'), reason='this system has no named pipes')
def test_what_is_no_file_is_not_opened_and_told(tmp_path, capfd):
    "A pipe is waited for without end; it, a link to nothing, and pictures one folder deeper are named"
    for c in 'ab':
        (tmp_path/c/'deep').mkdir(parents=True)
        drawings_of(tmp_path/c, 3)
    os.mkfifo(tmp_path/'a'/'pipe.png')
    (tmp_path/'b'/'link.png').symlink_to(tmp_path/'nothing.png')
    assert [o.name for o in get_image_files(tmp_path)]==['0.png', '1.png', '2.png']*2
    assert len(labelled_files(tmp_path))==6
    assert capfd.readouterr().err==('fastfound: skipped 2 non-image files: a/pipe.png, b/link.png\n'
                                    'fastfound: skipped 2 nested folders: a/deep, b/deep\n')

@pytest.mark.parametrize('side, most', [(5,64), (1024,16), (5000,1)])
def test_large_pictures_are_read_less_far_ahead(monkeypatch, side, most):
    "A thread that is given 64 small ones is given fewer large ones, so that at most 16 MiB of them wait, or one"
    sizes = []
    def ahead(pool, f, parts, n):
        for part in parts:
            sizes.append(len(part))
            yield from map(f, part)
    monkeypatch.setattr(images, '_ahead', ahead)
    pixels = torch.zeros(1, 1, 1, dtype=torch.uint8).expand(1, side, side)
    assert read_images(list(range(200)), lambda path: pixels, cache_bytes=0)==(None, list(range(200)))
    assert sizes[0]==1 and max(sizes)==most and sum(sizes)==200
