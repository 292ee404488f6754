package scan

import (
	"regexp"
	"strings"
)

// Guess is what a value of one of the manifest's maps probably becomes; "" when
// nobody can know.
func Guess(mapName, value string) string {
	switch mapName {
	case "people":
		if strings.Count(value, "@") == 1 && !strings.ContainsAny(value, " ,") {
			return value
		}
		return ""
	case "languages":
		if languageForm.MatchString(value) {
			return value
		}
		return languages[fold(value)]
	case "countries":
		if countryForm.MatchString(value) && value != "UK" {
			return value
		}
		return countries[fold(value)]
	}
	return value
}

// Forms of codes. Source: v4 getLanguages and getCountries: ISO 639-1, with a
// country where there are several, and ISO 3166-1 alpha-2.
var (
	languageForm = regexp.MustCompile(`^[a-z]{2}([-_][A-Za-z]{2,4})?$`)
	countryForm  = regexp.MustCompile(`^[A-Z]{2}$`)
)

// languages and countries are those that lists of content name most, by their
// folded names, in English and in themselves.
var languages = codes(`
	en English | de German Deutsch | fr French Français | nl Dutch Nederlands | es Spanish Español | it Italian Italiano |
	pt Portuguese Português | pl Polish Polski | da Danish Dansk | sv Swedish Svenska | no Norwegian Norsk | fi Finnish Suomi |
	cs Czech Čeština | hu Hungarian Magyar | ro Romanian Română | ru Russian Русский | tr Turkish Türkçe | el Greek |
	ja Japanese 日本語 | zh Chinese 中文 | ko Korean 한국어 | ar Arabic | he Hebrew`)

var countries = codes(`
	GB UK Great_Britain United_Kingdom England | US USA United_States United_States_of_America | DE Germany Deutschland | FR France | BE Belgium Belgique België |
	NL Netherlands The_Netherlands Nederland | LU Luxembourg | AT Austria Österreich | CH Switzerland Schweiz Suisse | ES Spain España | PT Portugal | IT Italy Italia |
	IE Ireland | PL Poland Polska | DK Denmark Danmark | SE Sweden Sverige | NO Norway Norge | FI Finland Suomi | CZ Czech_Republic Czechia | HU Hungary |
	RO Romania | GR Greece | TR Turkey Türkiye | CA Canada | MX Mexico México | BR Brazil Brasil | AU Australia | NZ New_Zealand | JP Japan | CN China | IN India |
	SG Singapore | KR South_Korea | ZA South_Africa | AE United_Arab_Emirates UAE | IL Israel`)

func codes(lists string) map[string]string {
	all := map[string]string{}
	for list := range strings.SplitSeq(lists, "|") {
		words := strings.Fields(list)
		for _, w := range words {
			all[fold(w)] = words[0]
		}
	}
	return all
}
