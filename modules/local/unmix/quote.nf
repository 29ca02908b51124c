// One word for the shell, whatever the value holds. Every value that a script holds goes through here: sample sheets and
// file names are written by others. (Nextflow itself escapes a path in a script, but not `$`, and it escapes no value.)
def quote(value) {
    return "'" + value.toString().replace("'", "'\\''") + "'"
}
