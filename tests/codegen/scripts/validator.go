// Package validator checks the patterns in the tags of a client as gopkg.in/validator.v2 does. It stands in for that
// package, since Go's modules can't be had everywhere, and Debian's version is too old for OpenAPI Generator.
package validator

import (
	"fmt"
	"reflect"
	"regexp"
	"strings"
)

// Validate returns an error if a field of the record, or of a record in it, does not match its pattern.
func Validate(record any) error {
	return validate(reflect.ValueOf(record))
}

func validate(value reflect.Value) error {
	switch value.Kind() {
	case reflect.Pointer:
		return validate(value.Elem())
	case reflect.Slice:
		for number := 0; number < value.Len(); number++ {
			if err := validate(value.Index(number)); err != nil {
				return err
			}
		}
	case reflect.Struct:
		for number := 0; number < value.NumField(); number++ {
			field := value.Type().Field(number)
			if !field.IsExported() {
				continue
			}
			if err := match(value.Field(number), field.Tag.Get("validate")); err != nil {
				return fmt.Errorf("%s: %w", field.Name, err)
			}
			if err := validate(value.Field(number)); err != nil {
				return err
			}
		}
	}
	return nil
}

func match(value reflect.Value, tag string) error {
	if tag == "" || value.Kind() == reflect.Pointer && value.IsNil() {
		return nil
	}
	value = reflect.Indirect(value)
	if value.Kind() != reflect.String {
		return fmt.Errorf("a pattern is not supported for %s", value.Type())
	}
	pattern, err := regexp.Compile(strings.ReplaceAll(strings.TrimPrefix(tag, "regexp="), `\,`, ","))
	if err != nil {
		return err
	}
	if !pattern.MatchString(value.String()) {
		return fmt.Errorf("%s does not match %s", value, pattern)
	}
	return nil
}
