# Run inside codex-office: every tool answers, and documents of each kind are really made and read back.
set -e
for tool in bash git npm npx node file curl rg jq setpriv socat codex ssh fd python python3 pip gcc make pytest fc-list; do
    command -v $tool >/dev/null || { echo "MISSING $tool"; exit 1; }
done
cd /tmp
npm --version && node --version && codex --version && python --version && pip --version && fd --version && jq --version
fc-list | grep -qi dejavu && fc-list | grep -qi liberation && echo "fonts ok"
touch /opt/venv/probe && rm /opt/venv/probe && echo "venv writable"
cat >documents.py <<'P'
import docx, matplotlib, numpy, openpyxl, pandas, pypdf, xlrd, xlsxwriter
matplotlib.use("Agg")
import matplotlib.pyplot as plt
from pdfminer.high_level import extract_text
from PIL import Image
from reportlab.pdfgen import canvas

d = docx.Document(); d.add_paragraph("Grüße from docx"); d.save("a.docx")
assert docx.Document("a.docx").paragraphs[0].text == "Grüße from docx"
print("docx ok")
w = openpyxl.Workbook(); w.active["A1"] = 42; w.save("a.xlsx")
assert openpyxl.load_workbook("a.xlsx").active["A1"].value == 42
x = xlsxwriter.Workbook("b.xlsx"); x.add_worksheet().write(0, 0, "hello"); x.close()
assert pandas.read_excel("b.xlsx", header=None).iloc[0, 0] == "hello"
print("xlsx ok")
c = canvas.Canvas("a.pdf"); c.drawString(72, 720, "Hello from reportlab"); c.save()
assert "Hello from reportlab" in pypdf.PdfReader("a.pdf").pages[0].extract_text()
assert "Hello from reportlab" in extract_text("a.pdf")
print("pdf ok")
plt.plot(numpy.arange(4)); plt.savefig("a.png"); assert Image.open("a.png").size[0] > 100
print("plot ok")
P
python documents.py
cat >slides.js <<'P'
const Slides = require('pptxgenjs');
const slides = new Slides();
slides.addSlide().addText('Hello from pptxgenjs', { x: 1, y: 1 });
slides.writeFile({ fileName: 'a.pptx' });
P
node slides.js
python -c "
import zipfile
assert 'Hello from pptxgenjs' in zipfile.ZipFile('a.pptx').read('ppt/slides/slide1.xml').decode()
print('pptx ok')"
printf 'def test_one():\n    import docx\n' >test_one.py && pytest -q test_one.py
printf '#include <zlib.h>\n#include <stdio.h>\n#include <png.h>\n#include <jpeglib.h>\nint main(void) { return !puts(zlibVersion()); }\n' >z.c
gcc z.c -lz && ./a.out && echo "headers ok"
