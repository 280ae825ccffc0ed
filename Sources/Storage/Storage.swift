// Disk formats and the file protocol they are written over come with virtual disks (design.md, "Storage"). The module stands in
// the layout from the start so that Management and Worker meet in it and nowhere else.
