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
// folded names: in themselves, in English, German, French and Dutch.
var languages = codes(`
	en English Englisch Anglais Engels | de German Deutsch Allemand Duits | fr French Français Französisch Frans | nl Dutch Nederlands Niederländisch Néerlandais |
	es Spanish Español Spanisch Espagnol Spaans | it Italian Italiano Italienisch Italien Italiaans | pt Portuguese Português Portugiesisch Portugais Portugees |
	pl Polish Polski Polnisch Polonais Pools | da Danish Dansk Dänisch Danois Deens | sv Swedish Svenska Schwedisch Suédois Zweeds |
	no Norwegian Norsk Norwegisch Norvégien Noors | fi Finnish Suomi Finnisch Finnois Fins | cs Czech Čeština Tschechisch Tchèque Tsjechisch |
	hu Hungarian Magyar Ungarisch Hongrois Hongaars | ro Romanian Română Rumänisch Roumain Roemeens | ru Russian Русский Russisch Russe |
	tr Turkish Türkçe Türkisch Turc Turks | el Greek Griechisch Grec Grieks | ja Japanese 日本語 Japanisch Japonais Japans |
	zh Chinese 中文 Chinesisch Chinois Chinees | ko Korean 한국어 Koreanisch Coréen Koreaans | ar Arabic Arabisch Arabe | he Hebrew Hebräisch Hébreu Hebreeuws`)

var countries = codes(`
	GB UK Great_Britain United_Kingdom England Großbritannien Vereinigtes_Königreich Grande-Bretagne Royaume-Uni Groot-Brittannië Verenigd_Koninkrijk |
	US USA United_States United_States_of_America Vereinigte_Staaten États-Unis Verenigde_Staten | DE Germany Deutschland Allemagne Duitsland |
	FR France Frankreich Frankrijk | BE Belgium Belgique België Belgien | NL Netherlands The_Netherlands Nederland Niederlande Pays-Bas |
	LU Luxembourg Luxemburg | AT Austria Österreich Autriche Oostenrijk | CH Switzerland Schweiz Suisse Zwitserland | ES Spain España Spanien Espagne Spanje |
	PT Portugal | IT Italy Italia Italien Italie Italië | IE Ireland Irland Irlande Ierland | PL Poland Polska Polen Pologne |
	DK Denmark Danmark Dänemark Danemark Denemarken | SE Sweden Sverige Schweden Suède Zweden | NO Norway Norge Norwegen Norvège Noorwegen |
	FI Finland Suomi Finnland Finlande | CZ Czech_Republic Czechia Tschechien Tchéquie Tsjechië | HU Hungary Ungarn Hongrie Hongarije |
	RO Romania Rumänien Roumanie Roemenië | GR Greece Griechenland Grèce Griekenland | TR Turkey Türkiye Türkei Turquie Turkije | CA Canada Kanada |
	MX Mexico México Mexiko Mexique | BR Brazil Brasil Brasilien Brésil Brazilië | AU Australia Australien Australie Australië |
	NZ New_Zealand Neuseeland Nouvelle-Zélande Nieuw-Zeeland | JP Japan Japon | CN China Chine | IN India Indien Inde | SG Singapore Singapur Singapour |
	KR South_Korea Südkorea Corée_du_Sud Zuid-Korea | ZA South_Africa Südafrika Afrique_du_Sud Zuid-Afrika |
	AE United_Arab_Emirates UAE Vereinigte_Arabische_Emirate | IL Israel Israël`)

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
