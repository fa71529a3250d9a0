"Folders of any pictures to batches, files that need care, a Learner on them, and what the network looks at."
import os, shutil
import drawings, pytest, torch
import numpy as np
import torch.nn.functional as F
from hypothesis import given, settings, strategies as st
from PIL import Image, ImageDraw, ImageOps
from torch import nn
import fastfound.interpret, fastfound.schedules
from fastfound.dataloaders import DataLoaders, DataLoader
from fastfound.datasets import URLs, get_mnist, untar_data
from fastfound.basics import set_seed, test_near as near
from fastfound.learner import Learner, accuracy
from fastfound.resnet import resnet18, small_resnet
from fastfound.vision import ImageDataLoaders, ImageReader, class_activation_map, cnn_learner, get_image_files, load_image, show_filters, vision_learner

# One file

def sheet(mode='RGB', paper='white', ink=(200,30,10)): return drawings.sheet(mode, paper=paper, ink=ink)

def array(im): return np.array(im).astype(int)

@pytest.mark.parametrize('orientation, back', [(2,'FLIP_LEFT_RIGHT'), (3,'ROTATE_180'), (4,'FLIP_TOP_BOTTOM'), (5,'TRANSPOSE'), (6,'ROTATE_90'), (7,'TRANSVERSE'), (8,'ROTATE_270')])
def test_exif(tmp_path, orientation, back):
    "All ways to hold a phone give the same picture, also where the JPEG is decoded at a smaller size"
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned = sheet().transpose(getattr(Image.Transpose, back))
    turned.save(tmp_path/'x.png', exif=exif)
    assert (array(load_image(tmp_path/'x.png'))==array(sheet())).all()
    turned.resize([o*16 for o in turned.size], Image.Resampling.NEAREST).save(tmp_path/'x.jpg', exif=exif, quality=95)
    small = ImageReader(size=(40,60))(tmp_path/'x.jpg').permute(1,2,0).numpy().astype(int)
    assert abs(small-array(sheet())).mean()<3

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
    for o in sorted(tmp_path.iterdir()): assert (array(load_image(o))==want).all(), o.name
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
    frames = [sheet(), ImageOps.invert(sheet())]
    frames[0].save(tmp_path/'a.gif', save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path/'a.png', save_all=True, append_images=frames[1:])
    for o in ('a.gif','a.png'): assert (array(load_image(tmp_path/o))==array(sheet())).all(), o

def test_damaged_files(tmp_path):
    sheet().save(tmp_path/'good.png')
    sheet().save(tmp_path/'good.jpg')
    png,jpg = [(tmp_path/f'good.{o}').read_bytes() for o in ('png','jpg')]
    for i,data in enumerate((b'', b'hello', png[:len(png)//2], png[:-20], jpg[:len(jpg)//2], b'\xff\xd8\xff\xe0'+bytes(50), b'GIF89a'+bytes(9))):
        (tmp_path/f'{i}.png').write_bytes(data)
        with pytest.raises(ValueError, match=f'{i}.png: got a damaged file or no picture'): load_image(tmp_path/f'{i}.png')
    with pytest.raises(FileNotFoundError): load_image(tmp_path/'none.png')
    with pytest.raises(OSError): load_image(tmp_path)

@settings(max_examples=60)
@given(st.integers(1,40), st.integers(1,40), st.integers(1,40), st.integers(1,40), st.sampled_from(['crop','pad','squish']), st.sampled_from([1,3]))
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
    for kw,message in ((dict(channels=4), 'got channels=4'), (dict(method='stretch'), "got method='stretch'"), (dict(size=0), 'got size=0'), (dict(size=(1.5,2)), 'got size=')):
        with pytest.raises(ValueError, match=message): ImageReader(**kw)

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
    "Floats between 0 and 1, the pixels of the files divided by 255; class numbers in the order of the names; rows in the order of the files"
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
    assert capfd.readouterr().err=='fastfound: skipped 1 file that is no picture: 日本 語/notes.txt\n'
    assert len(get_image_files(tmp_path))==25 and get_image_files(tmp_path/'elsewhere')[0].name=='0.png'
    (tmp_path/'round').mkdir()
    os.symlink(tmp_path, tmp_path/'round'/'again')  # a link to itself ends
    assert len(get_image_files(tmp_path))==25

def test_damaged_in_folder(tmp_path, capfd):
    "All damaged files are named at once, or left out with a notice; the rows that remain keep their labels and files"
    folder_of(tmp_path, 'train', 'valid')
    for o in ('train/flat/1.png', 'valid/tall/4.png'): (tmp_path/o).write_bytes((tmp_path/o).read_bytes()[:50])
    with pytest.raises(ValueError, match="got 2 damaged of 24 pictures.*flat/1.png, tall/4.png, or leave them out with damaged='skip'"): ImageDataLoaders.from_folder(tmp_path)
    for cache_bytes in (2**30, 0):
        dls = ImageDataLoaders.from_folder(tmp_path, damaged='skip', cache_bytes=cache_bytes)
        assert (dls.train.n,dls.valid.n)==(11,11) and capfd.readouterr().err=='fastfound: skipped 2 damaged files: flat/1.png, tall/4.png\n'
        (x,y),files = next(iter(dls.valid)),dls.files[1]
        for i,o in enumerate(files): near(x[i], dls.read(o)/255) ; assert dls.vocab[y[i]]==o.parent.name
    for o in (tmp_path/'valid').glob('*/*.png'): o.write_bytes(b'')
    with pytest.raises(ValueError, match='wanted at least one'): ImageDataLoaders.from_folder(tmp_path, damaged='skip')
    for o in (tmp_path/'train').glob('*/*.png'): o.write_bytes(b'')
    with pytest.raises(FileNotFoundError): ImageDataLoaders.from_lists(tmp_path, ['train/flat/0.png','none.png'], ['a','b'], damaged='skip')
    with pytest.raises(ValueError, match='got 24 pictures that are damaged.*flat/0.png'): ImageDataLoaders.from_folder(tmp_path)
    with pytest.raises(ValueError, match="got damaged='ignore'"): ImageDataLoaders.from_folder(tmp_path, damaged='ignore')

def test_unequal_sizes(tmp_path):
    folder_of(tmp_path, 'train', 'valid')
    Image.new('RGB', (30,50)).save(tmp_path/'valid/tall/3.png')
    with pytest.raises(ValueError, match=r'tall/3.png: got a picture of 50 by 30 pixels \(height by width\) and others of 40 by 40, wanted one size for all; size='): ImageDataLoaders.from_folder(tmp_path, damaged='skip')
    assert ImageDataLoaders.from_folder(tmp_path, size=(20,24)).one_batch()[0].shape==(12,3,20,24)

def test_wrong_folders(tmp_path):
    with pytest.raises(ValueError, match='got no folder of that name'): ImageDataLoaders.from_folder(tmp_path/'none')
    folder_of(tmp_path/'a', 'training', 'testing')
    with pytest.raises(ValueError, match='got the folders testing, training, wanted train and valid'): ImageDataLoaders.from_folder(tmp_path/'a')
    assert ImageDataLoaders.from_folder(tmp_path/'a', 'training', 'testing').train.n==12
    (tmp_path/'a/training/empty').mkdir()
    with pytest.raises(ValueError, match='training/empty: got no pictures, wanted a folder for each class with pictures in it'): ImageDataLoaders.from_folder(tmp_path/'a', 'training', 'testing')
    for o in ('train','valid'): (tmp_path/'b'/o).mkdir(parents=True)
    with pytest.raises(ValueError, match='b/train.*: got no folders of pictures'): ImageDataLoaders.from_folder(tmp_path/'b')
    folder_of(tmp_path/'c', 'train', 'valid', classes=('flat',))
    with pytest.raises(ValueError, match=r'got pictures of one class \(flat\), wanted at least two'): ImageDataLoaders.from_folder(tmp_path/'c')
    folder_of(tmp_path/'d', 'train', 'valid')
    os.rename(tmp_path/'d/valid/flat', tmp_path/'d/valid/round')
    with pytest.raises(ValueError, match='got pictures of round, wanted only flat, tall'): ImageDataLoaders.from_folder(tmp_path/'d')
    assert ImageDataLoaders.from_folder(tmp_path/'d', vocab=['tall','round','flat']).vocab==['tall','round','flat']

def test_random_split(tmp_path):
    "The same seed, the same split; nothing is on both sides; one folder for each class, or folders that are divided already"
    folder_of(tmp_path/'a', n=10)
    def split(path, **kw): return [[o.relative_to(path) for o in files] for files in ImageDataLoaders.from_folder(path, valid_pct=0.3, **kw).files]
    one,two,other = split(tmp_path/'a', seed=1),split(tmp_path/'a', seed=1),split(tmp_path/'a', seed=2)
    assert one==two!=other and [len(o) for o in one]==[14,6] and not set(one[0])&set(one[1])
    set_seed(5); a = split(tmp_path/'a')
    set_seed(5); assert a==split(tmp_path/'a')
    folder_of(tmp_path/'b', 'train', 'valid', n=5)
    assert [len(o) for o in split(tmp_path/'b')]==[14,6]
    for pct in (0, 1, -0.5, 1.5):
        with pytest.raises(ValueError, match='wanted a number between 0 and 1'): ImageDataLoaders.from_folder(tmp_path/'a', valid_pct=pct)

def test_labels_from_names(tmp_path):
    "As in the first chapter of the fastai book: a label may be any value, such as a bool"
    for i in range(10): sheet().save(tmp_path/f"{'Cat' if i%2 else 'dog'}_{i}.jpg")
    dls = ImageDataLoaders.from_name_func(tmp_path, get_image_files(tmp_path), valid_pct=0.2, seed=42, label_func=lambda name: name[0].isupper(), size=32)
    assert dls.vocab==[False,True] and (dls.train.n,dls.valid.n)==(8,2) and dls.one_batch()[0].shape==(8,3,32,32)
    assert all((dls.vocab[i]==o.name[0].isupper()) for dl,files in zip((dls.train,dls.valid), dls.files) for i,o in zip(dl.dataset[1], files))
    dls = ImageDataLoaders.from_lists(tmp_path, [f'dog_{i}.jpg' for i in (0,2,4)], ['a','b','a'], size=8)
    assert dls.vocab==['a','b'] and (dls.train.n,dls.valid.n)==(2,1)
    dls = ImageDataLoaders.from_name_re(tmp_path, get_image_files(tmp_path), r'^([A-Za-z]+)_\d', size=8)
    assert dls.vocab==['Cat','dog'] and all(dls.vocab[i]==o.name[:3] for i,o in zip(dls.train.dataset[1], dls.files[0]))
    with pytest.raises(ValueError, match='got the file Cat_1.jpg, wanted a name in which'): ImageDataLoaders.from_name_re(tmp_path, ['Cat_1.jpg'], r'^(\d+)')
    with pytest.raises(ValueError, match='got 2 files and 1 labels'): ImageDataLoaders.from_lists(tmp_path, ['dog_0.jpg','dog_2.jpg'], ['a'])

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

# Learner

@pytest.fixture(scope='module')
def digits(): return ImageDataLoaders.from_folder(untar_data(URLs.MNIST_SAMPLE, 'sample'), bs=32)

@pytest.fixture(scope='module')
def trained(digits):
    set_seed(1)
    learn = vision_learner(digits, small_resnet, metrics=accuracy)
    learn.fit_one_cycle(2, 0.01, quiet=True)
    return learn

def test_digits_from_files_are_the_digits(digits):
    data = get_mnist('sample')
    assert (digits.train.n,digits.valid.n)==(800,200) and digits.vocab==['3','7']
    rows = [int(o.stem) for o in digits.files[1]]
    assert torch.equal(digits.valid.dataset[0], data.x_test[rows][:,None].expand(-1,3,28,28))

@pytest.mark.long
def test_the_last_cells_of_chapter_4():
    "As they stand in the fastai book"
    from fastfound.all import F
    from fastfound.vision import ImageDataLoaders, cnn_learner, vision_learner
    from fastfound.learner import accuracy
    from fastfound.resnet import resnet18
    path = untar_data(URLs.MNIST_SAMPLE, 'sample')
    dls = ImageDataLoaders.from_folder(path)
    assert dls.train.batch_size==64
    for make in (vision_learner, cnn_learner):
        learn = make(dls, resnet18, pretrained=False,
                     loss_func=F.cross_entropy, metrics=accuracy)
    learn.fit_one_cycle(1, 0.1, quiet=True)
    assert len(learn.recorder.values[-1])==3 and len(learn.recorder.losses)==13

def test_learns_from_few_digits(trained):
    "Ten seeds gave between 0.965 and 0.99"
    assert trained.recorder['accuracy'][-1]>0.9

def test_channels_and_classes_come_from_the_data(tmp_path):
    folder_of(tmp_path, 'train', 'valid', classes=('a','b','c'), size=(32,32))
    for channels in (1,3):
        learn = vision_learner(ImageDataLoaders.from_folder(tmp_path, channels=channels), small_resnet, n_out=None if channels==1 else 7)
        assert learn.model[0].weight.shape[1]==channels and learn.model[-1].out_features==(3 if channels==1 else 7)
    x,y = torch.rand(8,2,16,16),torch.arange(8)%2
    plain = DataLoaders.from_dsets((x, y), (x, y), vocab=['a','b'])
    assert vision_learner(plain, small_resnet).predict(x[0]).label in 'ab'
    with pytest.raises(ValueError, match='got DataLoaders without a vocab'): vision_learner(DataLoaders.from_dsets((x, y), (x, y)), small_resnet)
    with pytest.raises(ValueError, match=r'got inputs of shape \(8, 512\), wanted images'): vision_learner(DataLoaders.from_dsets((x.flatten(1), y), (x.flatten(1), y), vocab=['a','b']), small_resnet)

def test_no_pretrained_weights(trained, digits):
    with pytest.raises(ValueError, match='no pretrained weights here. Train from scratch with `fit_one_cycle`'): cnn_learner(digits, resnet18, pretrained=True)
    with pytest.raises(NotImplementedError, match='fit_one_cycle'): trained.fine_tune(1, 0.01)

def test_predict_takes_any_picture(trained, digits, tmp_path):
    "A path, a string, a PIL image in several modes, arrays and tensors of bytes and floats: the same prediction as in a batch"
    preds,_ = trained.get_preds()
    file = digits.files[1][0]
    a = np.array(Image.open(file))
    x = torch.tensor(a)[None].expand(3,28,28)
    items = [file, str(file), Image.open(file), Image.open(file).convert('RGB'), Image.open(file).convert('RGBA'), a, a/255, x, x.permute(1,2,0), x/255, a.astype(np.float32)/255]
    for o in items:
        p = trained.predict(o)
        near(p.probs, preds[0].softmax(0), tol=1e-3)
        assert p.index==preds[0].argmax() and p.label==digits.vocab[p.index]
    for o,message in ((a.astype(int), 'got an image of int64'), (a.astype(float), 'wanted uint8, or floats between 0 and 1'), (a[0], 'got an image of shape'), (tmp_path/'none.png', 'No such file')):
        with pytest.raises((ValueError, OSError), match=message): trained.predict(o)
    sized = ImageDataLoaders.from_folder(untar_data(URLs.MNIST_SAMPLE, 'sample'), size=20, channels=1)
    learn = vision_learner(sized, small_resnet)
    near(learn.predict(Image.open(file)).probs, learn.get_preds()[0][0].softmax(0), tol=1e-3)

def test_rows_of_top_losses_lead_to_files(trained, digits):
    losses,rows = trained.top_losses(5, show=False)
    for l,i in zip(losses, rows):
        p = trained.predict(digits.files[1][i])
        near(-p.probs[digits.vocab.index(digits.files[1][i].parent.name)].log(), l, tol=1e-2)

# What the network looks at

@pytest.mark.parametrize('pool', [nn.AdaptiveAvgPool2d(1), nn.AdaptiveMaxPool2d(1)])
def test_class_activation_map(pool):
    "Average pooling: the mean of the map plus the bias is the logit. Maximum pooling: where a single channel counts, the maximum is"
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(3,6,3), nn.ReLU(), pool, nn.Flatten(), nn.Dropout(0.5), nn.Linear(6,4)).double()
    x = torch.rand(5,3,10,12, dtype=torch.float64)
    model.train()
    maps = torch.stack([class_activation_map(model, x, c) for c in range(4)], 1)
    assert maps.shape==(5,4,8,10) and model.training and not model[-1]._forward_pre_hooks
    logits = model.eval()(x)
    if isinstance(pool, nn.AdaptiveAvgPool2d): near(maps.mean((2,3))+model[-1].bias, logits, tol=1e-10)
    with torch.no_grad():
        model[-1].weight.zero_()
        model[-1].weight[2,3] = 1.
    if isinstance(pool, nn.AdaptiveMaxPool2d): near(class_activation_map(model, x, 2).amax((1,2))+model[-1].bias[2], model(x)[:,2], tol=1e-10)

def test_class_activation_map_of_our_networks():
    x = torch.rand(2,3,64,64)
    assert class_activation_map(resnet18(5), x, 3).shape==(2,2,2) and class_activation_map(small_resnet(5, 3), x, 3).shape==(2,8,8)
    for model,x in ((resnet18(5), torch.rand(2,3,28,28)), (nn.Sequential(nn.Flatten(), nn.Linear(12,2)), torch.rand(2,3,2,2)), (nn.Conv2d(3,3,1), torch.rand(2,3,2,2)),
                    (nn.Sequential(nn.Conv2d(3,4,1), nn.Flatten(), nn.Linear(16,2)), torch.rand(2,3,2,2))):
        with pytest.raises(ValueError, match='wanted one that ends in global average or maximum pooling'): class_activation_map(model, x, 1)

def test_filters():
    for model in (resnet18(3), small_resnet()): show_filters(model)
    for model in (nn.Linear(3,3), nn.Conv2d(2,4,3)):
        with pytest.raises(ValueError, match='wanted a first convolution for 1 or 3 channels'): show_filters(model)
