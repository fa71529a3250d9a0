"Fashion-MNIST and CIFAR-10 from a local server: small files of the same format that count as published."
import hashlib, io, tarfile
import pytest, torch
from fastfound import vision
from fastfound.datasets import MNIST_FILES, write_idx
from fastfound.files import FileInfo, fastfound_home
from fastfound.vision import get_cifar10, get_fashion, parse_cifar

pytestmark = pytest.mark.not_numerical

NAME = 'cifar-10-binary.tar.gz'

def published(path): return FileInfo(path.stat().st_size, hashlib.sha256(path.read_bytes()).hexdigest())

def archive(path, members):
    "A tar archive of `members`, gzipped"
    with tarfile.open(path, 'w:gz') as t:
        for name,data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            t.addfile(info, io.BytesIO(data))

def records(n, seed):
    g = torch.Generator().manual_seed(seed)
    def record(): return [torch.randint(10, (), generator=g).item(), *torch.randint(256, (3072,), generator=g).tolist()]
    return b''.join(bytes(record()) for _ in range(n))

@pytest.fixture
def small(mirror, files, monkeypatch):
    "The mirrors of the test server, where small files count as published"
    for i,name in enumerate(vision.FASHION_FILES):
        t = torch.full((4,28,28), i, dtype=torch.uint8) if 'images' in name else torch.arange(4, dtype=torch.uint8)
        write_idx(files/name, t)
    monkeypatch.setattr(vision, 'FASHION_FILES', {name: published(files/name) for name in vision.FASHION_FILES})
    members = [*(f'data_batch_{i}' for i in range(1, 6)), 'test_batch']
    archive(files/NAME, {f'cifar-10-batches-bin/{o}.bin': records(2, i) for i,o in enumerate(members)})
    monkeypatch.setattr(vision, 'CIFAR10_FILES', {NAME: published(files/NAME)})
    return mirror

def test_the_published_files():
    "Four like those of MNIST and one archive; the sizes are those of the packed files"
    assert list(vision.FASHION_FILES)==[f'{o}.gz' for o in MNIST_FILES] and list(vision.CIFAR10_FILES)==[NAME]
    for o in (*vision.FASHION_FILES.values(), *vision.CIFAR10_FILES.values()): assert len(bytes.fromhex(o.sha256))==32
    assert sum(o.nbytes for o in vision.FASHION_FILES.values())==30_878_645

def test_fashion(small, monkeypatch):
    urls = small('missing', 'cut', 'good')
    data = get_fashion(urls)
    assert data.x_train.shape==(4,1,28,28) and data.x_test.unique().tolist()==[2] and len(data.vocab)==10
    assert data.y_test.tolist()==[0,1,2,3] and data.y_train.dtype==torch.int64
    asked = len(small.asked)
    get_fashion(urls)
    assert len(small.asked)==asked and {o.name for o in (fastfound_home()/'fashion_mnist').iterdir()}==set(vision.FASHION_FILES)
    monkeypatch.setenv('FASTFOUND_OFFLINE', '1')
    assert torch.equal(get_fashion(urls).x_train, data.x_train)
    xb,yb = data.dls(bs=2).one_batch()
    assert xb.shape==(2,1,28,28) and yb.dtype==torch.int64

def test_cifar(small):
    data = get_cifar10(small('good'))
    assert data.x_train.shape==(10,3,32,32) and data.x_test.shape==(2,3,32,32) and data.vocab[6]=='frog'
    assert '10 pictures to train on' in repr(data)
    x,y = parse_cifar(records(2, 3), 'data_batch_4.bin')
    assert torch.equal(data.x_train[6:8], x) and torch.equal(data.y_train[6:8], y)
    xb,_ = data.dls().one_batch()
    assert xb.shape==(10,3,32,32) and xb.max()<=1

BAD = {'missing': '404', 'page': r'got 42 bytes that begin with .*, wanted [\d,]+ bytes', 'cut': r'got [\d,]+ bytes that begin with',
       'same_length': 'got a file with SHA-256', 'endless': 'got [0-9,]+ bytes that begin with|sent more than'}

@pytest.mark.parametrize('how, message', BAD.items())
def test_bad_mirrors(small, how, message):
    for f in (get_fashion, get_cifar10):
        with pytest.raises(ConnectionError, match=message): f(small(how))
    assert not list(fastfound_home().glob('*/*.gz'))

def test_damaged_cache_is_replaced(small, capsys):
    urls = small('good')
    get_cifar10(urls)
    path = fastfound_home()/'cifar10'/NAME
    path.write_bytes(path.read_bytes()[:99])
    assert len(get_cifar10(urls).y_train)==10 and "the file in the cache can't be used" in capsys.readouterr().err
    assert len(get_cifar10(small('missing')).y_train)==10

def test_archive_with_other_contents(small, files, monkeypatch):
    "A file that is missing, or a folder or a link in its place, is told; nothing is written"
    for member in (None, tarfile.DIRTYPE, tarfile.SYMTYPE):
        with tarfile.open(files/NAME, 'w:gz') as t:
            if member:
                info = tarfile.TarInfo('cifar-10-batches-bin/data_batch_1.bin')
                info.type,info.linkname = member,'/etc/passwd'
                t.addfile(info)
        monkeypatch.setattr(vision, 'CIFAR10_FILES', {NAME: published(files/NAME)})
        with pytest.raises(ValueError, match='got an archive without the file data_batch_1.bin'): get_cifar10(small('good'))
        (fastfound_home()/'cifar10'/NAME).unlink()

def test_offline(files, monkeypatch):
    monkeypatch.setenv('FASTFOUND_OFFLINE', '1')
    for f in (get_fashion, get_cifar10):
        with pytest.raises(ConnectionError, match='FASTFOUND_OFFLINE is set and .* does not hold'): f()
