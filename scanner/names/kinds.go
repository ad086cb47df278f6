package names

import "strings"

// runs says whether a file of this extension, in lower case and without its dot, does something when it is opened on some
// workstation, beyond being shown.
func runs(extension string) bool {
	switch extension {
	case "exe", "scr", "pif", "com", "bat", "cmd", "cpl", "msi", "msp", "mst", "msc", "dll", "sys", "ocx", "appx", "msix", "application", "gadget",
		"js", "jse", "mjs", "vb", "vbe", "vbs", "ws", "wsc", "wsf", "wsh", "hta", "ps1", "ps1xml", "psc1", "psm1", "sct", "shb", "shs",
		"lnk", "url", "desktop", "inf", "ins", "isp", "job", "reg", "scf", "settingcontent-ms", "library-ms", "search-ms", "website", "chm", "hlp", "xll", "wll",
		"jar", "jnlp", "class", "sh", "bash", "csh", "run", "app", "command", "dmg", "pkg", "apk", "deb", "rpm", "py", "pyw", "pyc", "rb", "pl",
		"iso", "img", "vhd", "vhdx", "one", "onepkg":
		return true
	default:
		return false
	}
}

// shows says whether people take a file of this extension for something to be looked at.
func shows(extension string) bool {
	switch extension {
	case "pdf", "doc", "docx", "docm", "dot", "rtf", "odt", "xls", "xlsx", "xlsm", "ods", "csv", "ppt", "pptx", "pps", "odp", "txt", "htm", "html", "xml", "eml",
		"jpg", "jpeg", "png", "gif", "bmp", "tif", "tiff", "svg", "webp", "heic", "mp3", "wav", "ogg", "mp4", "avi", "mov", "mpg", "mpeg", "mkv",
		"zip", "rar", "7z", "gz", "tar":
		return true
	default:
		return false
	}
}

// extensionOf returns what stands behind the last dot of a name in lower case, and what stands before that dot.
func extensionOf(name string) (extension, before string, ok bool) {
	at := strings.LastIndexByte(name, '.')
	if at < 0 {
		return "", name, false
	}
	return strings.Trim(name[at+1:], blanks), name[:at], true
}
