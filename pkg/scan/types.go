package scan

import "strings"

// TypeOf is the type that Showpad probably makes of files with an extension
// (lower case, with its dot); "" when nobody knows. Showpad does not publish
// the list in its API. Source: ASSUME, the usual formats of each type.
func TypeOf(ext string) string { return types[ext] }

var types = typesOf(map[string]string{
	"document": "pdf doc docx docm dot dotx ppt pptx pptm pps ppsx pot potx xls xlsx xlsm xlt xltx key pages numbers odt odp ods txt rtf csv",
	"photo":    "jpg jpeg png gif bmp tif tiff heic webp svg",
	"video":    "mp4 mov m4v avi wmv webm mpg mpeg mkv",
	"audio":    "mp3 wav m4a aac",
	"3d-model": "glb usdz obj",
	"url":      "url",
	"raw":      "zip",
})

func typesOf(lists map[string]string) map[string]string {
	all := map[string]string{}
	for typ, list := range lists {
		for ext := range strings.FieldsSeq(list) {
			all["."+ext] = typ
		}
	}
	return all
}

// shortcuts are files that hold no content themselves, and what to do about them.
var shortcuts = map[string]string{
	".url":     "a link of Windows: a row with url: makes a URL asset of it",
	".webloc":  "a link of macOS: a row with url: makes a URL asset of it",
	".lnk":     "a shortcut of Windows: move the file that it leads to",
	".gdoc":    "a link to Google Docs: download the document as .docx or .pdf",
	".gsheet":  "a link to Google Sheets: download it as .xlsx or .pdf",
	".gslides": "a link to Google Slides: download it as .pptx or .pdf",
	".gdraw":   "a link to Google Drawings: download it as .png or .pdf",
	".gform":   "a link to Google Forms: a row with url: makes a URL asset of it",
	".one":     "a section of OneNote: save it as .pdf",
}
