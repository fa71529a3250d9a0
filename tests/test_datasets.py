"Files and folders of digits that are damaged or absurd: the message says what came and what was wanted, nothing half-made is used."
import errno, gzip, os, re, struct, tracemalloc
from pathlib import Path
import numpy as np, pytest, torch
from hypothesis import given, strategies as st
from PIL import Image
from conftest import go, start, wait_for
from fastfound import datasets
from fastfound.datasets import URLs, get_mnist, mnist_arrays, mnist_splits, parse_idx, read_idx, untar_data, write_idx
from fastfound.files import fastfound_home

pytestmark = pytest.mark.not_numerical

def litter(folder): return [o.name for o in Path(folder).rglob('*') if '.part' in o.name]

# IDX files

def test_idx_cut_anywhere(tmp_path):
    write_idx(tmp_path/'t', torch.arange(24, dtype=torch.int32).view(2,3,4))
    whole = (tmp_path/'t').read_bytes()
    for n in range(len(whole)):
        with pytest.raises(ValueError, match=r'got .*, wanted .*'): parse_idx(whole[:n])
    with pytest.raises(ValueError, match='got 113 bytes, wanted 112 for a tensor of shape'): parse_idx(whole+b'\0')
    assert torch.equal(parse_idx(whole), torch.arange(24, dtype=torch.int32).view(2,3,4))

@pytest.mark.parametrize('head, message', [
    (b'\0\1\x08\x01\0\0\0\0', 'wanted an IDX magic number'), (b'\x08\0\0\x01\0\0\0\0', 'wanted an IDX magic number'),
    (b'\0\0\x0a\x01\0\0\0\0', 'got type code 0x0a, wanted one of 0x08, 0x09'), (b'\0\0\x08\x03\0\0\0\1', 'got 8 bytes, wanted at least 16'),
    (b'\0\0\x08\x01\0\0\0\5abc', r'got 11 bytes, wanted 13 for a tensor of shape \(5,\)'),
    (b'\0\0\x08\x02'+b'\xff'*8, r'got a header with shape \(4294967295, 4294967295\), wanted a shape that some memory could hold'),
    # no elements, but steps between them that overflow
    (b'\0\0\x0e\x04'+b'\0\0\0\0'+b'\xff'*12, 'wanted a shape that some memory could hold'),
    (b'\0\0\x08\xff'+bytes(4*255), 'got a header with 255 axes, wanted at most 32'),
    (b'\0\0\x08\xff'+b'\xff'*4*255, 'got a header with 255 axes'), (b'\0\0\x08\x21'+bytes(4*33), 'got a header with 33 axes'),
    (b'\0\0\x0e\x01\x7f\xff\xff\xff', r'got 8 bytes, wanted 17,179,869,184 for a tensor of shape \(2147483647,\)')])
def test_idx_wrong_header(tmp_path, head, message):
    "The file is named, packed or not, and nothing is allocated for what a header promises"
    with pytest.raises(ValueError, match='^digits: .*'+message): parse_idx(head, 'digits')
    for path,data in ((tmp_path/'t.idx', head), (tmp_path/'t.gz', gzip.compress(head))):
        path.write_bytes(data)
        with pytest.raises(ValueError, match=f'^{re.escape(str(path))}: .*{message}'): read_idx(path)

def test_idx_with_32_axes(tmp_path):
    t = torch.zeros([1]*31+[3])
    write_idx(tmp_path/'t.gz', t)
    assert torch.equal(read_idx(tmp_path/'t.gz'), t)
    assert parse_idx(b'\0\0\x08\x20'+bytes(4*32)).numel()==0

def test_gzip_bomb(tmp_path):
    "No more is unpacked than the header announces"
    (tmp_path/'t.gz').write_bytes(gzip.compress(b'\0\0\x08\x01\0\0\0\5'+bytes(10**8)))
    tracemalloc.start()
    with pytest.raises(ValueError, match='got a gzip file of more than 13 bytes'): read_idx(tmp_path/'t.gz')
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak<10**6

SIZES = st.lists(st.sampled_from([0,1,2,3,2**16,2**31,2**32-1]), max_size=40)

@given(st.binary(max_size=64), st.sampled_from(list(datasets.IDX_TYPES)), SIZES)
def test_idx_any_bytes(data, code, shape):
    "Whatever comes, it is a tensor that accounts for every byte or a ValueError that says what came"
    for o in (data, bytes([0,0,code])+data, struct.pack(f'>HBB{len(shape)}I', 0, code, len(shape), *shape)+data): accounts_for(o)

def accounts_for(data):
    try: t = parse_idx(data)
    except ValueError as e:
        assert str(e).startswith('the data: got ') and ', wanted ' in str(e)
        return
    assert len(data)==4+4*t.ndim+t.numel()*t.element_size()

DTYPES = st.sampled_from([torch.uint8, torch.int8, torch.int16, torch.int32, torch.float32, torch.float64])

@given(st.lists(st.integers(0, 5), max_size=4), DTYPES)
def test_idx_round_trip(tmp_path_factory, shape, dtype):
    path,t = tmp_path_factory.mktemp('t')/'t.gz', (torch.randn(shape)*99).to(dtype)
    write_idx(path, t)
    back = read_idx(path)
    assert back.dtype==t.dtype and torch.equal(back, t)

def test_gzip_cut_or_damaged(tmp_path):
    path = tmp_path/'t.gz'
    write_idx(path, torch.arange(200, dtype=torch.uint8).view(10,20))
    whole = path.read_bytes()
    for n in range(2, len(whole)):
        path.write_bytes(whole[:n])
        with pytest.raises(ValueError, match='cut short|damaged'): read_idx(path)
    for i in range(len(whole)-8, len(whole)):  # the sum and the length at the end
        path.write_bytes(whole[:i] + bytes([whole[i]^1]) + whole[i+1:])
        with pytest.raises(ValueError, match='damaged'): read_idx(path)

# Folders of pictures

def whole_sample(path):
    "Whether the folder has the 3s and 7s of the sample, each picture as it should be"
    mnist,n = get_mnist('sample'),0
    for split,x,y in (('train', mnist.x_train, mnist.y_train), ('valid', mnist.x_test, mnist.y_test)):
        for digit in (3,7):
            rows = sorted(int(o.stem) for o in (path/split/str(digit)).iterdir())
            assert rows==(y==digit).nonzero().flatten().tolist()
            picture = torch.from_numpy(np.array(Image.open(path/split/str(digit)/f'{rows[5]}.png')))
            assert torch.equal(picture, x[rows[5]])
            n += len(rows)
    return len((path/'labels.csv').read_text().splitlines())==n+1==1001

def test_folders(files, monkeypatch):
    path = untar_data(URLs.MNIST_SAMPLE, 'sample')
    assert path==fastfound_home()/'sample'/'mnist_sample' and whole_sample(path)
    monkeypatch.setattr(datasets, '_make_folder', lambda *args: pytest.fail('made a second time'))
    assert untar_data(URLs.MNIST_SAMPLE, 'sample')==path

def test_all_ten_folders(files):
    path = untar_data(URLs.MNIST, 'sample')
    assert {len(list((path/'training'/str(d)).iterdir())) for d in range(10)}=={400}
    assert {len(list((path/'testing'/str(d)).iterdir())) for d in range(10)}=={100}

def test_folders_of_full_set_need_no_data_again(mirror, monkeypatch):
    mirror('good')
    path = untar_data(URLs.MNIST)
    assert path.parent.name=='full' and len(list(path.rglob('*.png')))==80
    for o in fastfound_home().glob('*ubyte*'): o.unlink()
    assert untar_data(URLs.MNIST)==path and len(mirror.asked)==4

DAMAGE = {'gone': lambda o: o.unlink(), 'emptied': lambda o: o.write_bytes(b''), 'cut': lambda o: o.write_bytes(o.read_bytes()[:-1]),
          'longer': lambda o: o.write_bytes(o.read_bytes()+b' '), 'zeros': lambda o: o.write_bytes(bytes(o.stat().st_size)),
          'a bit': lambda o: o.write_bytes(o.read_bytes()[:-1] + bytes([o.read_bytes()[-1]^1]))}

@pytest.mark.parametrize('how', DAMAGE)
def test_damaged_picture(files, capsys, how):
    "Any, also if its size stays the same, as after a power cut: the folder is made anew, and nothing that was in it is lost"
    path = untar_data(URLs.MNIST_SAMPLE, 'sample')
    (path/'notes.txt').write_text('mine')
    assert untar_data(URLs.MNIST_SAMPLE, 'sample')==path and (path/'notes.txt').exists()  # an extra file is no damage
    for split,digit,i in (('train','7',5), ('valid','3',-1), ('train','3',0)):
        DAMAGE[how](sorted((path/split/digit).iterdir())[i])
        assert whole_sample(untar_data(URLs.MNIST_SAMPLE, 'sample'))
    first,*more = sorted(path.parent.glob('mnist_sample.damaged-*'), key=lambda o: (o/'notes.txt').exists(), reverse=True)
    assert (first/'notes.txt').read_text()=='mine' and len(more)==2 and capsys.readouterr().err.count('made anew')==3

CHANGES = [lambda s: '', lambda s: s[:len(s)//2], lambda s: s[:-1], lambda s: s.replace('train/3/', 'train/9/'), lambda s: '\0'*len(s),
           lambda s: s.replace(',3\n', '\n'), lambda s: s.replace('train/3/', '/dev/'), lambda s: s.replace('train', '\udcff')]

@pytest.mark.parametrize('name', ['labels.csv', 'sha256'])
@pytest.mark.parametrize('change', CHANGES)
def test_damaged_list(files, name, change):
    path = untar_data(URLs.MNIST_SAMPLE, 'sample')
    text = (path/name).read_text()
    (path/name).write_text(change(text), errors='surrogateescape')
    if change(text)!=text: assert not datasets._is_whole(path)
    assert whole_sample(untar_data(URLs.MNIST_SAMPLE, 'sample'))

def test_folder_without_the_mark(files):
    "As an older version left it, or a writer that was killed"
    path = untar_data(URLs.MNIST_SAMPLE, 'sample')
    (path/'sha256').unlink()
    assert whole_sample(untar_data(URLs.MNIST_SAMPLE, 'sample')) and (path/'sha256').exists()

def test_the_mark_is_written_last(files, monkeypatch):
    "And covers what is on the disk, not what should be there"
    written = []
    def write_text(self, *args, **kw):
        written.append((self.name, sum(1 for _ in self.parent.rglob('*.png'))))
        return write(self, *args, **kw)
    write = Path.write_text
    monkeypatch.setattr(Path, 'write_text', write_text)
    untar_data(URLs.MNIST_SAMPLE, 'sample')
    assert written==[('labels.csv', 1000), ('sha256', 1000)]

def test_home_that_is_no_folder(files, monkeypatch, tmp_path):
    (tmp_path/'a_file').write_text('not a folder')
    for home in (os.devnull, tmp_path/'a_file', tmp_path/'a_file'/'below'):
        monkeypatch.setenv('FASTFOUND_HOME', str(home))
        for f in (lambda: untar_data(URLs.MNIST_SAMPLE, 'sample'), get_mnist):
            with pytest.raises(OSError, match=f'FASTFOUND_HOME: got {re.escape(str(home))}, .* is not a folder; wanted a folder'): f()
    assert get_mnist('sample').source=='sample' and (tmp_path/'a_file').read_text()=='not a folder'

def test_unknown_url():
    with pytest.raises(ValueError, match="got 'cifar', wanted URLs.MNIST_SAMPLE or URLs.MNIST"): untar_data('cifar')

def test_full_disk_when_making_folders(files, monkeypatch):
    saved = []
    def save(self, path):
        saved.append(path)
        path.write_bytes(b'half a picture')
        if len(saved)==50: raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))
    with monkeypatch.context() as m:
        m.setattr(Image.Image, 'save', save)
        with pytest.raises(OSError, match='No space left'): untar_data(URLs.MNIST_SAMPLE, 'sample')
    assert not list((fastfound_home()/'sample').iterdir())
    assert whole_sample(untar_data(URLs.MNIST_SAMPLE, 'sample'))

@pytest.mark.long
def test_two_at_once(files):
    both = [start("print(untar_data(URLs.MNIST_SAMPLE, 'sample').parent.name)") for _ in range(2)]
    for p in both: go(p)
    for p in both:
        out,err = p.communicate()
        assert p.returncode==0 and out.strip()=='sample', err
    assert not litter(fastfound_home()) and whole_sample(untar_data(URLs.MNIST_SAMPLE, 'sample'))

def test_killed_while_making_folders(files):
    p = start('''
        save = Image.Image.save
        def slow_save(*args, **kw):
            import time; time.sleep(0.005)
            return save(*args, **kw)
        Image.Image.save = slow_save
        untar_data(URLs.MNIST_SAMPLE, 'sample')''')
    go(p)
    wait_for(lambda: any(fastfound_home().rglob('*.png')))
    p.kill()
    p.communicate()
    home = fastfound_home()/'sample'
    assert litter(home) and not (home/'mnist_sample').exists()
    assert whole_sample(untar_data(URLs.MNIST_SAMPLE, 'sample'))

# Rows

@pytest.mark.parametrize('source', ['sample', 'full'])
def test_splits(files, monkeypatch, source):
    monkeypatch.setenv('FASTFOUND_DATA', str(files))
    data = get_mnist(source)
    (x,y),(x_valid,y_valid),(x_test,y_test) = mnist_splits(data, scale=1/256, n_valid=7)
    for a,b in zip(mnist_arrays(data, 1/256, 7), (x, y, x_valid, y_valid), strict=True): assert torch.equal(a, b)
    assert len(y_valid)==7 and torch.equal(torch.cat([y, y_valid]), data.y_train) and torch.equal(y_test, data.y_test)
    assert torch.equal(torch.cat([x, x_valid])*256, data.x_train.flatten(1)) and torch.equal(x_test*256, data.x_test.flatten(1))
    naked,n = data.x_train.flatten(1)*(1/255),len(data.y_train)//6  # as the lesson scales and splits, bit for bit
    lesson = naked[:-n], data.y_train[:-n], naked[-n:], data.y_train[-n:]
    for a,b in zip(lesson, mnist_arrays(data), strict=True): assert torch.equal(a, b)
    for n in (0, -1, len(data.y_train)):
        with pytest.raises(ValueError, match=f'got n_valid={n}, wanted a number between 0 and'): mnist_splits(data, n_valid=n)
