"The command that trains, resumes, evaluates and predicts, as a person runs it."
import math, os, random, re, shlex, shutil, signal, subprocess
from contextlib import suppress
from functools import cache
from types import SimpleNamespace
import pytest, torch
from PIL import Image
from commandline import FASTFOUND, inside
from drawings import GLYPHS, dark_drawings, drawings, no_digit_pictures, photograph, sheet
from fastfound import train
from fastfound.datasets import get_mnist
from fastfound.handwriting import DigitReader, MODELS, ModelBundle, NO_DIGIT, calibration_error
from fastfound.images import BlankPicture, ImageReader
from fastfound.interpret import probabilities
from fastfound.train import change_reader, doubted, evaluate_model, folder_reader, predict_files, train_model

pytestmark = pytest.mark.not_numerical

DIGITS = [str(i) for i in range(10)]

run = inside

def run_alone(*args, cwd): return subprocess.run([*FASTFOUND, *map(str, args)], cwd=cwd, capture_output=True, text=True, timeout=900)

@pytest.fixture(scope='module')
def shapes(tmp_path_factory):
    "A folder with pictures of two classes: bars that stand and bars that lie, dark on light, in colour, of several sizes"
    folder = tmp_path_factory.mktemp('two shapes')
    g = torch.Generator().manual_seed(0)
    for name,size in (('standing', (6,30)), ('lying', (30,6))):
        (folder/name).mkdir()
        for i in range(40):
            im = Image.new('RGB', (40+i,40+i), (250,240,230))
            x,y = torch.randint(0, 9, (2,), generator=g).tolist()
            im.paste((20,0,30), (x, y, x+size[0], y+size[1]))
            im.save(folder/name/f'{i}.{"png" if i%2 else "jpg"}')
    (folder/'notes.txt').write_text('no picture')
    return folder

@pytest.fixture(scope='module')
def digits(tmp_path_factory):
    "A folder in which the command has trained a model on the sample, with its defaults but for fewer epochs, and what it printed"
    folder = tmp_path_factory.mktemp('digits')
    return folder,run_alone('train', '--data', 'sample', '--epochs', 3, cwd=folder)

def accuracy_of(out): return float(re.search(r'^all +\d+ +([\d.]+)%', out, re.M)[1])

def test_digits(digits):
    "Train, evaluate and predict on the sample, with what a newcomer would type"
    folder,r = digits
    assert r.returncode==0 and r.stderr=='' and len(re.findall(r'^ +\d ', r.stdout, re.M))==3, r.stderr
    assert '3,334 pictures of 10 classes to train on, 666 to validate on\n' in r.stdout
    assert 'and 2,500 drawn digits and 833 drawings that are none\n' in r.stdout
    assert r.stdout.endswith('saved model.pth; to evaluate it: fastfound evaluate --data sample\n')
    assert [o.name for o in folder.iterdir()]==['model.pth']
    r = run('evaluate', '--data', 'sample', cwd=folder)
    assert r.returncode==0 and r.stderr=='' and accuracy_of(r.stdout)>92, r.stdout+r.stderr

@pytest.mark.long
def test_the_smaller_network_is_there(tmp_path):
    "With its own optimizer and learning rate, saved and read again"
    r = run('train', '--data', 'sample', '--model', 'net', '--quiet', cwd=tmp_path)
    assert r.returncode==0 and r.stderr=='', r.stderr
    r = run('evaluate', '--data', 'sample', cwd=tmp_path)
    assert r.returncode==0 and accuracy_of(r.stdout)>92, r.stdout+r.stderr

def drawn(folder, seed):
    "200 drawings in a folder of a folder for each digit, as PNG and JPEG in turn"
    for i,(digit,im) in enumerate(drawings(seed)):
        (folder/str(digit)).mkdir(parents=True, exist_ok=True)
        im.save(folder/str(digit)/f'{i}.{"png" if i//10%2 else "jpg"}')
    return folder

def test_drawings(digits, tmp_path):
    "Digits drawn by hand are read, whatever their size, place, pen and colour; by a model of the sample nineteen of twenty"
    r = run('evaluate', '--data', drawn(tmp_path/'drawn', 0), cwd=digits[0])
    assert r.returncode==0 and re.search(r'^all +200 ', r.stdout, re.M) and accuracy_of(r.stdout)>=95, r.stdout+r.stderr
    some = sorted((tmp_path/'drawn').glob('*/*'))[::7]
    rows = run('predict', *some, cwd=digits[0]).stdout.splitlines()[1:]
    assert sum(o.split()[1]==p.parent.name for o,p in zip(rows, some))>=len(some)-4

def tensors(pairs):
    "Images and labels of pairs of a digit and a picture, as the command reads them"
    return torch.stack([DigitReader()(im) for _,im in pairs])/255,torch.tensor([digit for digit,_ in pairs])

@cache
def pictures():
    "Drawings of three sets of glyphs, photographs in light that falls by up to a half, digits of MNIST, and what is no digit"
    rng,found = random.Random(0),{glyphs: tensors(drawings(11, 200, glyphs)) for glyphs in GLYPHS}
    found['photographs'] = tensors([(d, photograph(im, rng, ['fall','half'][i%2])) for i,(d,im) in enumerate(dark_drawings(12, 100))])
    test = get_mnist('auto')
    found['mnist'] = test.x_test[:2000,None]/255,test.y_test[:2000]
    others = []
    for im in no_digit_pictures(13):
        with suppress(BlankPicture): others.append(DigitReader()(im))
    return found,torch.stack(others)/255,200-len(others)

def below_the_bars(file):
    "What a model of digits does worse than promised: names and figures"
    bundle,(sets,others,blank),found = ModelBundle.load(file),pictures(),{}
    for name,(x,y) in sets.items():
        logits = bundle.predict(x)
        p,right = probabilities(logits),(logits.argmax(1)==y).float()
        found[name] = right.mean().item(),.95
        found[f'{name}: digits that are not doubted'] = 1-doubted(bundle, logits).float().mean().item(),.95
        if name=='mnist': found['1 - calibration error'] = 1-calibration_error(p, y),.97
        elif name in GLYPHS:
            found[f'{name}: 1 - confidence apart from accuracy'] = 1-abs(p.amax(1).mean()-right.mean()).item(),.95
            i = torch.arange(len(y))  # as `drawings` has them: in tens of one height and pen, in forties of one colour
            for pen in range(3):
                for dark in (0,1): found[f'{name}: pen {pen}, colour {dark}'] = right[(i//10%3==pen) & (i//40%2==dark)].mean().item(),.9
    found['no digits doubted'] = (doubted(bundle, bundle.predict(others)).sum().item()+blank)/200,.8
    return {k: v for k,(v,least) in found.items() if v<least}

@pytest.mark.long
def test_any_hand(tmp_path):
    "Three sets of glyphs that the generator does not know, photographs, doubt and calibration, after training on the sample"
    train_model(tmp_path/'m.pth', 'sample', quiet=True)
    assert below_the_bars(tmp_path/'m.pth')=={}
    assert evaluate_model(tmp_path/'m.pth', 'sample').rows[-1]['accuracy']>.975

@pytest.mark.nightly
@pytest.mark.skipif(not os.environ.get('FASTFOUND_DATA'), reason='FASTFOUND_DATA does not name a folder with all of MNIST')
@pytest.mark.parametrize('seed', range(3))
@pytest.mark.parametrize('data, least', [('sample',.985), ('full',.994)])
def test_any_hand_with_three_seeds(tmp_path, data, least, seed):
    train_model(tmp_path/'m.pth', data, seed=seed, quiet=True)
    assert below_the_bars(tmp_path/'m.pth')=={}
    assert evaluate_model(tmp_path/'m.pth', 'full').rows[-1]['accuracy']>least

def answering(path, *logits):
    "A model of digits in a file that answers `logits`, whatever it sees"
    bundle = ModelBundle('linear', [*DIGITS, NO_DIGIT])
    weight,bias = bundle.model[-1].weight.data,bundle.model[-1].bias.data
    weight.zero_(), bias.copy_(torch.tensor(logits))
    bundle.save(path)
    return bundle

def test_doubt(tmp_path):
    "Below 80 % the answer is that there is doubt, and a model may take a picture for no digit; models of folders always answer"
    im = drawings(3, 1)[0][1]
    im.save(tmp_path/'x.png')
    for index,odds,want in ((3, 5., 'doubtful: 3 or 5'), (3, 50., '3'), (10, 5., NO_DIGIT), (10, 50., NO_DIGIT)):
        logits = [0.]*11
        logits[index],logits[5] = math.log(9*odds),math.log(9.)
        bundle = answering(tmp_path/'m.pth', *logits)
        row = predict_files([tmp_path/'x.png'], tmp_path/'m.pth').rows[0]
        p,second = [9*o/(9*odds+9+9) for o in (odds, 1)]
        assert (row['prediction'],row['second'])==(want, '5') and abs(row['probability']-p)<1e-4 and abs(row['its probability']-second)<1e-4
        x = torch.zeros(4,1,28,28)
        assert doubted(bundle, bundle.predict(x)).tolist()==[want!='3']*4
    folder = ModelBundle('linear', ['a','b'])
    assert not doubted(folder, torch.tensor([[0.,0.],[5.,0.]])).any()

def test_doubt_is_counted(tmp_path, shapes):
    "For each class beside its accuracy, where a model can doubt"
    for i in range(2):
        (tmp_path/'some'/str(i)).mkdir(parents=True)
        for k,(_,im) in enumerate(drawings(3, 3)): im.save(tmp_path/'some'/str(i)/f'{k}.png')
    for sure,want in ((5., [(1,0), (0,0), (.5,0)]), (1., [(1,1), (0,1), (.5,1)])):
        answering(tmp_path/'m.pth', *[sure]+[0.]*10)
        rows = evaluate_model(tmp_path/'m.pth', tmp_path/'some').rows
        assert [(o['accuracy'],o['doubted']) for o in rows if o['pictures']]==want and len(rows)==11
    ModelBundle('linear', ['lying','standing']).save(tmp_path/'m.pth')
    assert 'doubted' not in evaluate_model(tmp_path/'m.pth', shapes).rows[0]

def test_seen_digits_are_told(tmp_path, capfd):
    for source,told in (('full', True), ('sample', False)):
        ModelBundle('linear', DIGITS, source=source).save(tmp_path/'m.pth')
        evaluate_model(tmp_path/'m.pth', 'sample')
        assert ('has seen most digits of the sample' in capfd.readouterr().err)==told

@pytest.mark.parametrize('model', MODELS)
def test_own_pictures(tmp_path, shapes, model):
    "Any of the models learns two shapes, reads new files, and says which is which; how to treat pictures is in its file"
    args = '--data',shapes,'--file',tmp_path/'bars.pth'
    r = run('train', '--model', model, '--epochs', 20, *args, '--quiet', cwd=tmp_path)
    assert r.returncode==0, r.stderr
    assert accuracy_of(run('evaluate', *args, cwd=tmp_path).stdout)>=90
    r = run('predict', shapes/'standing/3.png', shapes/'lying/4.jpg', '--file', tmp_path/'bars.pth', cwd=tmp_path)
    assert [re.split('  +', o)[1] for o in r.stdout.splitlines()[1:]]==['standing', 'lying'], r.stdout+r.stderr
    bundle = ModelBundle.load(tmp_path/'bars.pth')
    assert (bundle.read, bundle.source)==(ImageReader(3, 64, 'pad'), str(shapes))

def test_pictures_in_colour(tmp_path):
    "What differs in nothing but its colour is told apart by a network for three channels, and the class of a new picture is told too"
    for name,color in (('blue', (0,0,200)), ('red', (76,0,0))):  # as bright as each other
        (tmp_path/'pictures'/name).mkdir(parents=True)
        for i in range(20): Image.new('RGB', (30+i,40), tuple(o+i for o in color)).save(tmp_path/'pictures'/name/f'{i}.png')
    r = run('train', '--model', 'resnet', '--epochs', 10, '--bs', 8, '--data', tmp_path/'pictures', '--quiet', cwd=tmp_path)
    assert r.returncode==0, r.stderr
    bundle = ModelBundle.load(tmp_path/'model.pth')
    assert bundle.read==ImageReader(3, 49, 'pad') and bundle.model[0].weight.shape[1]==3
    assert accuracy_of(run('evaluate', '--data', tmp_path/'pictures', cwd=tmp_path).stdout)==100
    Image.new('RGB', (90,20), (110,10,10)).save(tmp_path/'new.png')
    assert predict_files([tmp_path/'new.png'], tmp_path/'model.pth').rows[0]['prediction']=='red'
    sheet('RGB').save(tmp_path/'new.png')
    r = run('predict', tmp_path/'new.png', '--frame', 'yes', cwd=tmp_path)
    assert r.returncode==1 and 'got images of (1, 28, 28), wanted (3, 49, 49) as in training' in r.stderr

def test_which_reader(tmp_path):
    "Colour where one picture has it, no larger than 64 pixels, and what is told wins"
    for i,mode in enumerate(('1','L','LA','I;16')): Image.new(mode, (20,10+i)).save(tmp_path/f'{i}.png')
    (tmp_path/'bad.png').write_bytes(b'hello')
    assert folder_reader(tmp_path)==ImageReader(1, 20, 'pad')
    (tmp_path/'deep').mkdir()
    Image.new('RGB', (20,300)).save(tmp_path/'deep/4.jpg')
    assert folder_reader(tmp_path)==ImageReader(3, 64, 'pad')
    digit,picture = DigitReader('no'),ImageReader(3, 32)
    for read,told,want in ((digit, {}, digit), (digit, dict(invert='yes'), DigitReader('yes')), (digit, dict(frame=True), digit),
                           (digit, dict(frame=False), ImageReader(1, 28, 'pad')),
                           (picture, {}, picture), (picture, dict(invert='no'), picture),
                           (picture, dict(frame=True), DigitReader()), (picture, dict(frame=True, invert='no'), digit)):
        assert change_reader(read, **told)==want
    with pytest.raises(ValueError, match='got `invert` yes for pictures that are not framed, wanted them framed'):
        change_reader(picture, invert='yes')

def test_pictures_of_each_part(tmp_path, shapes):
    "A model is evaluated on the test pictures of its folder, or else on those put aside; a model of MNIST on all pictures of a folder"
    for split,some in (('training',range(24)), ('testing',range(24, 40))):
        for o in shapes.glob('*/*'):
            (tmp_path/split/o.parent.name).mkdir(parents=True, exist_ok=True)
            if int(o.stem) in some: shutil.copy(o, tmp_path/split/o.parent.name)
    def pictures(**kw):
        ModelBundle('linear', ['lying','standing'], **kw).save(tmp_path/'m.pth')
        return [evaluate_model(tmp_path/'m.pth', o).rows[-1]['pictures'] for o in (tmp_path, tmp_path/'training', shapes)]
    assert pictures(source='elsewhere')==[32,10,16] and pictures(source='full')==[80,48,80]

def test_treatment_can_be_changed(digits, tmp_path):
    "Light ink on dark is not read by a model that is told that it is dark on light, and blank pictures are called so"
    im = next(im for digit,im in drawings(3) if digit==3 and im.getpixel((0,0))==(0,0,0))
    im.save(tmp_path/'3.png')
    Image.new('L', (90,60), 230).save(tmp_path/'blank.png')
    def prediction(*args): return re.split('  +', run('predict', tmp_path/'3.png', *args, cwd=digits[0]).stdout.splitlines()[1])[1]
    assert prediction()=='3' and prediction('--invert', 'no')=='3' and prediction('--invert', 'yes')=='a blank picture'
    r = run('predict', tmp_path/'blank.png', tmp_path/'3.png', cwd=digits[0])
    assert r.returncode==0 and [re.split('  +', o)[1] for o in r.stdout.splitlines()[1:]]==['a blank picture', '3'], r.stdout+r.stderr

def test_any_order(digits, shapes):
    "Files stand before, between and after options"
    a,b = shapes/'standing/3.png',shapes/'lying/4.jpg'
    first,*others = [run(*args, cwd=digits[0]) for args in (
        ('predict', a, b, '--file', 'model.pth'), ('predict', '--file', 'model.pth', a, b), ('predict', a, '--file', 'model.pth', b))]
    assert first.returncode==0 and first.stdout.count('\n')==3 and all(o.stdout==first.stdout for o in others), [o.stderr for o in others]

def test_advice_after_training(tmp_path, shapes):
    "What it advises can be copied, paths with spaces as well"
    r = run('train', '--data', shapes, '--file', 'my model.pth', '--epochs', 20, cwd=tmp_path)
    advice = re.search(r'to evaluate it: (.*)', r.stdout)[1]
    assert f"--data '{shapes}'" in advice and "--file 'my model.pth'" in advice
    name,*words = shlex.split(advice)  # as a shell does
    assert name=='fastfound' and accuracy_of(run(*words, cwd=tmp_path).stdout)>=80

def follow(advice, cwd):
    name,*words = shlex.split(advice)  # as a shell does
    return run_alone(*words, cwd=cwd)

def start(args, cwd, until):
    "A training in another process that has printed a line that matches `until`"
    p = subprocess.Popen([*FASTFOUND, *map(str, args)], cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while not re.match(until, line := p.stdout.readline()): assert line, p.stderr.read()
    return p

@pytest.mark.long
@pytest.mark.skipif(os.name=='nt', reason='Windows has no SIGINT to send to another process')
def test_interrupted_and_resumed(tmp_path):
    "Ctrl-C leaves a checkpoint and says what to do; --resume ends with the weights of a run that was left alone"
    args = 'train','--data','sample','--epochs','15','--model','deep'
    p = start(args, tmp_path, r' +1 +\d')
    p.send_signal(signal.SIGINT)
    out,err = p.communicate(timeout=600)
    advice = 'fastfound train --data sample --epochs 15 --model deep --resume'
    assert p.returncode==130 and 'Traceback' not in err, err
    assert err.endswith(f'interrupted; to continue after the last complete epoch: {advice}\n'), err
    assert [o.name for o in tmp_path.iterdir()]==['model.pth.checkpoint']
    r = run(*args, cwd=tmp_path)
    assert r.returncode==1 and '--resume continues it' in r.stderr
    r = run(*args, '--bs', 32, '--resume', cwd=tmp_path)
    assert r.returncode==1 and 'got --bs 32, wanted --bs 64' in r.stderr
    r = run(*args, '--shift', 0, '--resume', cwd=tmp_path)
    assert r.returncode==1 and 'got --shift 0, wanted --shift 1' in r.stderr
    r = follow(advice, tmp_path)
    assert r.returncode==0 and len(re.findall(r'^ +\d+ +\d\.', r.stdout, re.M))==15, r.stderr
    whole = run(*args, '--file', 'whole.pth', '--quiet', cwd=tmp_path)
    assert whole.returncode==0 and sorted(o.name for o in tmp_path.iterdir())==['model.pth', 'whole.pth']
    a,b = [ModelBundle.load(tmp_path/o).model.state_dict() for o in ('model.pth', 'whole.pth')]
    assert all(torch.equal(a[k], b[k]) for k in a)

@pytest.mark.long
@pytest.mark.skipif(os.name=='nt', reason='Windows has no SIGINT to send to another process')
def test_interrupted_before_the_first_epoch(tmp_path):
    "Then there is nothing to resume, and the advice is to start again"
    args = 'train','--data','sample','--file','a b.pth','--epochs','10000','--bs','1'
    p = start(args, tmp_path, r'.* to train on')
    p.send_signal(signal.SIGINT)
    err = p.communicate(timeout=600)[1]
    assert p.returncode==130 and 'Traceback' not in err and list(tmp_path.iterdir())==[]
    assert err.endswith("to start again: fastfound train --data sample --file 'a b.pth' --epochs 10000 --bs 1\n"), err

@pytest.mark.parametrize('args, message', [
    (['train', '--epochs', '0'], 'got --epochs 0, wanted a whole number from 1'), (['train', '--bs', '-3'], 'got --bs -3'),
    (['train', '--lr', 'nan'], 'got --lr nan, wanted a number above 0'),
    (['train', '--epochs', 10**15], 'got --epochs 1000000000000000, wanted'),
    (['train', '--seed', 2**70], f'got --seed {2**70}, wanted a whole number from 0 to'), (['train', '--shift', 28], 'got --shift 28'),
    (['train', '--model', 'vgg'], 'got --model vgg, wanted one of linear'),
    (['train', '--data', 'nowhere'], 'got --data nowhere, wanted auto, full, sample or a folder'),
    (['train', '--data', ''], 'got --data , wanted auto, full, sample or a folder'),
    (['train', '--file', 'no/model.pth'], "can't write a file in"), (['train', '--file', '.'], 'got --file ., which is a folder'),
    (['train', '--resume'], 'nothing to resume'),
    (['train', '--lr', '1e38'], 'got lr=1e+38, wanted a number from 0 up, and finite: below 9e18'),
    (['evaluate'], 'model.pth is not there; wanted a model file'), (['evaluate', '--file', 'text.pth'], 'damaged or of another kind'),
    (['predict', 'x.png'], 'model.pth is not there')])
def test_bad_options(tmp_path, args, message):
    (tmp_path/'text.pth').write_text('not a model')
    r = run(*args, *(['--data', 'sample', '--quiet'] if args[0]=='train' and '--data' not in args else []), cwd=tmp_path)
    assert r.returncode==1 and r.stderr.startswith(f'fastfound {args[0]}: ') and message in r.stderr, r.stderr
    assert 'Traceback' not in r.stderr and r.stderr.count('\n')==1 and [o.name for o in tmp_path.iterdir()]==['text.pth']

@pytest.mark.parametrize('options', [
    dict(model='vgg'), dict(file='no/x.pth'), dict(epochs=0), dict(seed=2**70), dict(resume=True), dict(shift=-1)])
def test_checked_before_data(tmp_path, monkeypatch, options):
    "No picture is read before all options are known to be good"
    def refuse(*args): raise AssertionError('data were read')
    monkeypatch.setattr(train, 'get_mnist', refuse)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError): train_model(data='sample', **options)
    with pytest.raises(AssertionError, match='data were read'): train_model(data='sample')

@pytest.mark.skipif(os.name=='nt' or getattr(os, 'getuid', lambda: 1)()==0, reason='a folder that even the administrator may write to')
def test_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    try: r = run('train', '--data', 'sample', cwd=tmp_path)
    finally: tmp_path.chmod(0o700)
    assert r.returncode==1 and "can't write a file in" in r.stderr

def test_failed_training_is_not_saved(tmp_path):
    "Neither when the loss is no number nor when the model has learned nothing; an older model stays, and no checkpoint is in the way"
    (tmp_path/'model.pth').write_bytes(b'older')
    for lr,message in (('1e15', 'may be too large'), ('30', 'no better than guessing')):
        r = run('train', '--data', 'sample', '--model', 'deep', '--epochs', 2, '--lr', lr, '--quiet', cwd=tmp_path)
        assert r.returncode==1 and message in r.stderr and r.stdout=='', r.stderr
        assert [(o.name, o.read_bytes()) for o in tmp_path.iterdir()]==[('model.pth', b'older')]

def trained(right):
    "A stand-in for a Learner that classifies of each class so many pictures of so many correctly, and takes the others for the next class"
    targ = torch.cat([torch.full((n,), c) for c,(_,n) in enumerate(right)])
    pred = torch.cat([(torch.arange(n)>=k).long() for k,n in right])
    return SimpleNamespace(get_preds=lambda: (torch.eye(len(right))[(targ+pred)%len(right)], targ))

LEARNED = [[(20,20), (1,1)], [(19,20), (1,1)], [(1,1), (1,1)], [(70,100), (4,5)], [(30,100), (9,9)], [(2,20)]*5+[(11,20)]*5,
           [(1,1)]*3+[(0,1)]*7, [(5,8), (0,0), (8,8)], [(7,7), (0,0)]]
NOT_LEARNED = [[(20,20), (0,1)], [(0,20), (1,1)], [(100,100), (0,9)], [(55,100), (2,5)], [(9,9)]+[(0,9)]*9, [(2,20)]*10, [(1,1)]+[(0,1)]*9,
               [(8,8), (0,0), (0,8)], [(10,20), (10,20)]]

@pytest.mark.parametrize('right, learned', [*((o, True) for o in LEARNED), *((o, False) for o in NOT_LEARNED)])
def test_what_counts_as_learned(right, learned):
    "However unequal the classes are, one that is right is enough to be saved, and one that names a single class or guesses is not"
    if learned: train.check_trained(trained(right))
    else:
        with pytest.raises(FloatingPointError, match='a balanced accuracy of .* no better than'): train.check_trained(trained(right))

@pytest.mark.parametrize('n', [(20,1), (5,5), (9,1,1)])
def test_a_loss_that_is_better_than_that_of_frequencies(n):
    "Even where every picture is taken for the most frequent class: its probability is higher where it is right"
    targ = torch.cat([torch.full((o,), c) for c,o in enumerate(n)])
    frequencies = (torch.tensor(n)/sum(n)).log().expand(len(targ), -1)
    sharper = frequencies+torch.eye(len(n))[targ]
    for preds,learned in ((sharper, True), (frequencies, False), (torch.zeros_like(frequencies), False), (-sharper, False)):
        learn = SimpleNamespace(get_preds=lambda: (preds, targ))
        if learned: train.check_trained(learn)
        else:
            with pytest.raises(FloatingPointError, match='no better than guessing'): train.check_trained(learn)

@pytest.fixture
def lopsided(tmp_path):
    "A function from numbers of pictures to a folder of so many bars at different heights"
    def make(name, **counts):
        for i,(label,n) in enumerate(counts.items()):
            (tmp_path/name/label).mkdir(parents=True)
            for j in range(n):
                im = Image.new('L', (28,28), 255)
                im.paste(7*j%90, (4, 3+9*i, 24, 9+9*i))
                im.save(tmp_path/name/label/f'{j}.png')
        return tmp_path/name
    return make

@pytest.mark.parametrize('counts, told', [
    (dict(a=100, b=4), ''), (dict(a=40, b=40, c=2), ''), (dict(a=60, b=1), 'b'), (dict(a=30, b=1, c=30), 'b')])
def test_small_classes(tmp_path, lopsided, capfd, counts, told):
    "Trained, saved and evaluated; each class stands in the table, and one that nothing validates is told"
    folder = lopsided('pictures', **counts)
    train_model(tmp_path/'m.pth', folder, epochs=4, quiet=True)
    rows = evaluate_model(tmp_path/'m.pth', folder)
    assert capfd.readouterr().err==f'fastfound: no pictures to validate on: {told}\n'*bool(told)
    assert [(o['class'], o['pictures']) for o in rows.rows[:-1]]==[(k, 0 if k==told else max(round(n*0.2), 1)) for k,n in counts.items()]
    assert rows.rows[-1]['accuracy']>0.9
    if told: assert re.search(rf'^{told} +0 +- +-$', str(rows), re.M)

def test_classes_that_are_numbers(tmp_path, lopsided):
    "Their order is that of the numbers in a new model, and its own in one that was saved"
    folder = lopsided('pictures', **{str(i): 3 for i in (10,9,2)})
    train_model(tmp_path/'new.pth', folder, epochs=20, quiet=True)
    assert ModelBundle.load(tmp_path/'new.pth').vocab==['2','9','10']
    ModelBundle('linear', ['10','2','9'], ImageReader(1, 28, 'pad'), str(folder)).save(tmp_path/'old.pth')
    for name,order in (('new', ['2','9','10']), ('old', ['10','2','9'])):
        rows = evaluate_model(tmp_path/f'{name}.pth', folder).rows
        assert [o['class'] for o in rows]==[*order, 'all'] and {o['pictures'] for o in rows[:-1]}=={1}
    assert all(o['accuracy']==1 for o in evaluate_model(tmp_path/'new.pth', folder).rows)

def test_bad_pictures(tmp_path, shapes):
    folder = tmp_path/'pictures'
    shutil.copytree(shapes, folder)
    (folder/'lying/bad.png').write_bytes((folder/'lying/1.png').read_bytes()[:60])
    r = run('train', '--data', folder, '--quiet', cwd=tmp_path)
    assert r.returncode==1 and 'lying/bad.png' in r.stderr and 'Traceback' not in r.stderr, r.stderr
    (folder/'lying/bad.png').unlink()
    (folder/'lying/list.txt').write_text('')
    r = run('train', '--data', folder, '--epochs', 20, '--quiet', cwd=tmp_path)
    assert r.returncode==0 and r.stderr=='fastfound: skipped 1 non-image file: lying/list.txt\n', r.stderr
    (folder/'third').mkdir()
    for i in (1,3): shutil.copy(folder/f'lying/{i}.png', folder/'third')
    r = run('evaluate', '--data', folder, cwd=tmp_path)
    assert r.returncode==1 and 'got pictures of third, wanted only lying, standing' in r.stderr
    r = run('evaluate', '--data', 'sample', cwd=tmp_path)
    assert r.returncode==1 and 'got a model of lying, standing' in r.stderr and '--data names the folder' in r.stderr
