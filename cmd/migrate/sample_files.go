package main

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math"
	"strings"
	"time"
)

// The files of the sample library are made here, always the same bytes: real
// documents that the programs for them open, and nobody's content.

// pdf is a document with one line of text on each page.
func pdf(pages ...string) []byte {
	var b bytes.Buffer
	var offsets []int
	object := func(body string) {
		offsets = append(offsets, b.Len())
		fmt.Fprintf(&b, "%d 0 obj\n%s\nendobj\n", len(offsets), body)
	}
	b.WriteString("%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
	var kids []string
	for i := range pages {
		kids = append(kids, fmt.Sprintf("%d 0 R", 4+2*i))
	}
	object("<< /Type /Catalog /Pages 2 0 R >>")
	object(fmt.Sprintf("<< /Type /Pages /Kids [%s] /Count %d >>", strings.Join(kids, " "), len(pages)))
	object("<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>")
	for i, text := range pages {
		object(fmt.Sprintf("<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 3 0 R >> >> /Contents %d 0 R >>", 5+2*i))
		stream := fmt.Sprintf("BT /F1 24 Tf 72 720 Td (%s) Tj ET", text)
		object(fmt.Sprintf("<< /Length %d >>\nstream\n%s\nendstream", len(stream), stream))
	}
	start := b.Len()
	fmt.Fprintf(&b, "xref\n0 %d\n0000000000 65535 f \n", len(offsets)+1)
	for _, at := range offsets {
		fmt.Fprintf(&b, "%010d 00000 n \n", at)
	}
	fmt.Fprintf(&b, "trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n", len(offsets)+1, start)
	return b.Bytes()
}

// picture is a gradient; every width has another one.
func picture(width, height int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetRGBA(x, y, color.RGBA{R: uint8(x * 255 / width), G: uint8(y * 255 / height), B: uint8((x*x + y*width) % 251), A: 255})
		}
	}
	return img
}

// Encoders of the standard library fail only when their writer does, and a
// bytes.Buffer never fails.

func pngFile(width, height int) []byte {
	var b bytes.Buffer
	must(png.Encode(&b, picture(width, height)))
	return b.Bytes()
}

func jpegFile(width, height int) []byte {
	var b bytes.Buffer
	must(jpeg.Encode(&b, picture(width, height), &jpeg.Options{Quality: 85}))
	return b.Bytes()
}

func gifFile(width, height int) []byte {
	var b bytes.Buffer
	must(gif.Encode(&b, picture(width, height), &gif.Options{NumColors: 64}))
	return b.Bytes()
}

// wav is a tone: 16 bit, one channel, 22,050 samples a second.
func wav(seconds int) []byte {
	const rate = 22050
	samples := make([]int16, rate*seconds)
	for i := range samples {
		samples[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/rate))
	}
	var b bytes.Buffer
	size := uint32(2 * len(samples))
	for _, v := range []any{
		[]byte("RIFF"), 36 + size, []byte("WAVEfmt "), uint32(16), uint16(1), uint16(1),
		uint32(rate), uint32(2 * rate), uint16(2), uint16(16), []byte("data"), size, samples,
	} {
		must(binary.Write(&b, binary.LittleEndian, v))
	}
	return b.Bytes()
}

// part is one file of an archive.
type part struct{ name, text string }

// archive is a ZIP file with a fixed time, so that its bytes are always the same.
func archive(parts ...part) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, p := range parts {
		w, err := z.CreateHeader(&zip.FileHeader{Name: p.name, Method: zip.Deflate, Modified: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)})
		must(err)
		_, err = w.Write([]byte(p.text))
		must(err)
	}
	must(z.Close())
	return b.Bytes()
}

const (
	xmlHead     = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>` + "\n"
	packageNS   = `http://schemas.openxmlformats.org/package/2006/`
	officeNS    = `http://schemas.openxmlformats.org/officeDocument/2006/relationships`
	wordNS      = `http://schemas.openxmlformats.org/wordprocessingml/2006/main`
	slideNS     = `http://schemas.openxmlformats.org/presentationml/2006/main`
	sheetNS     = `http://schemas.openxmlformats.org/spreadsheetml/2006/main`
	drawingNS   = `http://schemas.openxmlformats.org/drawingml/2006/main`
	contentType = `application/vnd.openxmlformats-officedocument.`
)

// contentTypes is the first part of an Office document: pairs of part and type.
func contentTypes(pairs ...string) part {
	var b strings.Builder
	b.WriteString(xmlHead + `<Types xmlns="` + packageNS + `content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/>`)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, `<Override PartName="%s" ContentType="%s%s+xml"/>`, pairs[i], contentType, pairs[i+1])
	}
	b.WriteString(`</Types>`)
	return part{"[Content_Types].xml", b.String()}
}

// relations links a part to others: pairs of kind and target, rId1 onwards.
func relations(name string, pairs ...string) part {
	var b strings.Builder
	b.WriteString(xmlHead + `<Relationships xmlns="` + packageNS + `relationships">`)
	for i := 0; i < len(pairs); i += 2 {
		fmt.Fprintf(&b, `<Relationship Id="rId%d" Type="%s/%s" Target="%s"/>`, i/2+1, officeNS, pairs[i], pairs[i+1])
	}
	b.WriteString(`</Relationships>`)
	return part{name, b.String()}
}

func docx(text string) []byte {
	return archive(
		contentTypes("/word/document.xml", "wordprocessingml.document.main"),
		relations("_rels/.rels", "officeDocument", "word/document.xml"),
		part{"word/document.xml", xmlHead + `<w:document xmlns:w="` + wordNS + `"><w:body><w:p><w:r><w:t>` + text + `</w:t></w:r></w:p></w:body></w:document>`},
	)
}

func xlsx(cells ...string) []byte {
	var b strings.Builder
	for i, text := range cells {
		fmt.Fprintf(&b, `<row r="%d"><c r="A%d" t="inlineStr"><is><t>%s</t></is></c></row>`, i+1, i+1, text)
	}
	return archive(
		contentTypes("/xl/workbook.xml", "spreadsheetml.sheet.main", "/xl/worksheets/sheet1.xml", "spreadsheetml.worksheet"),
		relations("_rels/.rels", "officeDocument", "xl/workbook.xml"),
		part{"xl/workbook.xml", xmlHead + `<workbook xmlns="` + sheetNS + `" xmlns:r="` + officeNS + `"><sheets><sheet name="Sheet1" sheetId="1" r:id="rId1"/></sheets></workbook>`},
		relations("xl/_rels/workbook.xml.rels", "worksheet", "worksheets/sheet1.xml"),
		part{"xl/worksheets/sheet1.xml", xmlHead + `<worksheet xmlns="` + sheetNS + `"><sheetData>` + b.String() + `</sheetData></worksheet>`},
	)
}

func pptx(title string) []byte {
	const ns = ` xmlns:a="` + drawingNS + `" xmlns:r="` + officeNS + `" xmlns:p="` + slideNS + `"`
	const tree = `<p:nvGrpSpPr><p:cNvPr id="1" name=""/><p:cNvGrpSpPr/><p:nvPr/></p:nvGrpSpPr><p:grpSpPr/>`
	shape := `<p:sp><p:nvSpPr><p:cNvPr id="2" name="Title"/><p:cNvSpPr/><p:nvPr/></p:nvSpPr><p:spPr><a:xfrm><a:off x="914400" y="914400"/><a:ext cx="7315200" cy="1371600"/></a:xfrm><a:prstGeom prst="rect"><a:avLst/></a:prstGeom></p:spPr><p:txBody><a:bodyPr/><a:p><a:r><a:rPr lang="en-US" sz="4400"/><a:t>` + title + `</a:t></a:r></a:p></p:txBody></p:sp>`
	return archive(
		contentTypes("/ppt/presentation.xml", "presentationml.presentation.main", "/ppt/slides/slide1.xml", "presentationml.slide",
			"/ppt/slideLayouts/slideLayout1.xml", "presentationml.slideLayout", "/ppt/slideMasters/slideMaster1.xml", "presentationml.slideMaster",
			"/ppt/theme/theme1.xml", "theme"),
		relations("_rels/.rels", "officeDocument", "ppt/presentation.xml"),
		part{"ppt/presentation.xml", xmlHead + `<p:presentation` + ns + `><p:sldMasterIdLst><p:sldMasterId id="2147483648" r:id="rId1"/></p:sldMasterIdLst><p:sldIdLst><p:sldId id="256" r:id="rId2"/></p:sldIdLst><p:sldSz cx="9144000" cy="5143500"/><p:notesSz cx="5143500" cy="9144000"/></p:presentation>`},
		relations("ppt/_rels/presentation.xml.rels", "slideMaster", "slideMasters/slideMaster1.xml", "slide", "slides/slide1.xml", "theme", "theme/theme1.xml"),
		part{"ppt/slides/slide1.xml", xmlHead + `<p:sld` + ns + `><p:cSld><p:spTree>` + tree + shape + `</p:spTree></p:cSld></p:sld>`},
		relations("ppt/slides/_rels/slide1.xml.rels", "slideLayout", "../slideLayouts/slideLayout1.xml"),
		part{"ppt/slideLayouts/slideLayout1.xml", xmlHead + `<p:sldLayout` + ns + `><p:cSld><p:spTree>` + tree + `</p:spTree></p:cSld></p:sldLayout>`},
		relations("ppt/slideLayouts/_rels/slideLayout1.xml.rels", "slideMaster", "../slideMasters/slideMaster1.xml"),
		part{"ppt/slideMasters/slideMaster1.xml", xmlHead + `<p:sldMaster` + ns + `><p:cSld><p:spTree>` + tree + `</p:spTree></p:cSld><p:clrMap bg1="lt1" tx1="dk1" bg2="lt2" tx2="dk2" accent1="accent1" accent2="accent2" accent3="accent3" accent4="accent4" accent5="accent5" accent6="accent6" hlink="hlink" folHlink="folHlink"/><p:sldLayoutIdLst><p:sldLayoutId id="2147483649" r:id="rId1"/></p:sldLayoutIdLst></p:sldMaster>`},
		relations("ppt/slideMasters/_rels/slideMaster1.xml.rels", "slideLayout", "../slideLayouts/slideLayout1.xml", "theme", "../theme/theme1.xml"),
		part{"ppt/theme/theme1.xml", theme()},
	)
}

// theme is the least that a presentation's theme may be.
func theme() string {
	var colours strings.Builder
	for i, name := range []string{"dk1", "lt1", "dk2", "lt2", "accent1", "accent2", "accent3", "accent4", "accent5", "accent6", "hlink", "folHlink"} {
		value := []string{"000000", "FFFFFF", "1F2A44", "EEF1F6", "2F6DB5", "3FA796", "F2A541", "C8553D", "6B4E9B", "7A8B99", "2F6DB5", "6B4E9B"}[i]
		fmt.Fprintf(&colours, `<a:%s><a:srgbClr val="%s"/></a:%s>`, name, value, name)
	}
	const font = `<a:latin typeface="Arial"/><a:ea typeface=""/><a:cs typeface=""/>`
	fill := strings.Repeat(`<a:solidFill><a:schemeClr val="phClr"/></a:solidFill>`, 3)
	line := strings.Repeat(`<a:ln w="9525"><a:solidFill><a:schemeClr val="phClr"/></a:solidFill></a:ln>`, 3)
	effect := strings.Repeat(`<a:effectStyle><a:effectLst/></a:effectStyle>`, 3)
	return xmlHead + `<a:theme xmlns:a="` + drawingNS + `" name="Sample"><a:themeElements><a:clrScheme name="Sample">` + colours.String() +
		`</a:clrScheme><a:fontScheme name="Sample"><a:majorFont>` + font + `</a:majorFont><a:minorFont>` + font + `</a:minorFont></a:fontScheme>` +
		`<a:fmtScheme name="Sample"><a:fillStyleLst>` + fill + `</a:fillStyleLst><a:lnStyleLst>` + line + `</a:lnStyleLst><a:effectStyleLst>` + effect + `</a:effectStyleLst><a:bgFillStyleLst>` + fill + `</a:bgFillStyleLst></a:fmtScheme></a:themeElements></a:theme>`
}

// must is for writes into memory, which cannot fail.
func must(err error) {
	if err != nil {
		panic(err)
	}
}
