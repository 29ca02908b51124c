// One word for the shell, whatever the value holds. Every value that a script holds goes through here: sample sheets
// and file names are written by others. (Nextflow itself escapes a path in a script, but not `$`, and it escapes no
// value.)
def quote(value) {
    return "'" + value.toString().replace("'", "'\\''") + "'"
}

// An option of a script with its value, or nothing where there is none: the script then has its own default
def option(name, value) {
    return value ? "${name} ${quote(value)}" : ''
}

// Files that are staged together, each as the value of the option that it is for
def options_of(names, files) {
    return [names, [files].flatten()].transpose().collect { name, file -> option("--${name}", file) }.join(' ')
}
